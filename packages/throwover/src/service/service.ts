/**
 * Loads a team's throwover.yaml into a `Service`.
 *
 *   schema.ts       shape, limits, defaults; the type Service
 *   traffic-schema.ts fields.ts  its block `traffic`, by provider; kinds of values
 *   canary-schema.ts  its blocks `canary` and `survey`
 *   by-hand-schema.ts  its block `byHand` of a region: commands that people type
 *   evidence-schema.ts  its block `evidence`: the operating test
 *   drills-schema.ts  its block `drills`: rehearsals in production
 *   week-schema.ts  its block `week`: where tasks are sent
 *   load.ts         file -> Service, or every mistake with its line
 *   mistakes.ts     issues of the schema -> "expected ..., found ..."
 *   references.ts   names without a target, blocks that need each other
 *   json-schema.ts  throwover.schema.json
 *   secrets.ts      env:NAME, file:PATH
 *   own-steps.ts    the team's own steps and checks -> Step, Guard
 *   own-action.ts   one command or HTTP call
 */
export { canarySchema, isResolver, parseSocket } from './canary-schema.ts';
export { type DrillKind, type DrillPolicy, drillKindNames } from './drills-schema.ts';
export { serviceErrors } from './errors.ts';
export { truthNames } from './evidence-schema.ts';
export { pricesSchema, type StrategyName, strategyNames } from './functions-schema.ts';
export { type LoadedService, loadService, parseService } from './load.ts';
export { ownGuards, placeOwnSteps } from './own-steps.ts';
export { oneOf } from './references.ts';
export type { OwnAction, OwnStep, Service } from './schema.ts';
export { isSecretRef, parseSecretRef, resolveSecret, type SecretRef } from './secrets.ts';
export type { Traffic } from './traffic-schema.ts';
