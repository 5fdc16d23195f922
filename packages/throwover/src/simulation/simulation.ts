/**
 * The whole system on virtual time, with faults, and checkers that are no part of it.
 *
 *   scenario.ts    what a seed is about: people, faults, distances, clocks
 *   run-seed.ts    one simulation: faults, then healing, then the checkers
 *   pool.ts worker.ts  many, on worker threads
 *   regressions.ts seeds that found something once
 *   world/         machines, processes, network, faults, history
 *   database/      a model of PostgreSQL, and the guard's hands on it
 *   application/   clients, doors, gateways, DNS
 *   control/       store, guards and controllers as processes; people
 *   checkers/      what must hold, read from the history alone
 *   mutation/      deliberate bugs, patched in while loading, that the checkers must find
 *
 * Real: planner, engine, runs, guards, the store's rules. Modelled: databases, network, machines, DNS,
 * doors, gateways, people.
 */
export { runSeeds } from './pool.ts';
export { runSeed, type SeedResult } from './run-seed.ts';
export type { Family, ScenarioOptions } from './scenario.ts';
