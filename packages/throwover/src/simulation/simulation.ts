/**
 * The whole system on virtual time, with faults, and with checkers that are independent of it.
 *
 *   scenario.ts    what a seed contains: people, faults, distances, clocks
 *   meddling.ts    people and tools that change who may log in
 *   run-seed.ts    one simulation: faults, then healing, then the checkers
 *   pool.ts worker.ts  many seeds, on worker threads
 *   regressions.ts seeds that once found a bug
 *   model-errors.ts      how the models refuse, and fail to answer
 *   world/         machines, processes, network, faults, history
 *   database/      a model of PostgreSQL, and the guard's access to it
 *   application/   clients, doors, gateways, DNS
 *   control/       store, guards and controllers as processes; people
 *   checkers/      the invariants, checked on the history alone
 *   mutation/      deliberate bugs, patched in while loading, that the checkers must find
 *
 * Real: planner, engine, runs, guards, the store's rules. Modelled: databases, network, machines,
 * DNS, doors, gateways, people.
 */
export { runSeeds } from './pool.ts';
export { runSeed, type SeedResult } from './run-seed.ts';
export type { Family, ScenarioOptions } from './scenario.ts';
