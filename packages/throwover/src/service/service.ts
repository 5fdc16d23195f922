/**
 * Loads a team's throwover.yaml into a `Service`.
 *
 *   schema/   shape, limits, defaults; the type Service; one file for each block of the file.
 *             fields.ts: kinds of values. json-schema.ts: throwover.schema.json
 *   load/     file -> Service, or every mistake with its line. references.ts: names without a
 *             target, blocks that need each other
 *   own/      the team's own steps and checks -> Step, Guard
 *   secrets.ts  env:NAME, file:PATH
 */

export { serviceErrors } from './errors.ts';
export { type LoadedService, loadService, parseService } from './load/load.ts';
export { oneOf } from './load/references.ts';
export { ownGuards, placeOwnSteps } from './own/own-steps.ts';
export { canarySchema, isResolver, parseSocket } from './schema/canary.ts';
export { type DrillKind, type DrillPolicy, drillKindNames } from './schema/drills.ts';
export { truthNames } from './schema/evidence.ts';
export { pricesSchema, type StrategyName, strategyNames } from './schema/functions.ts';
export {
  type NoticeKind,
  noticeKinds,
  type OwnAction,
  type OwnStep,
  type Service,
} from './schema/schema.ts';
export { type Traffic, ttlSecondsOf } from './schema/traffic.ts';
export { isSecretRef, parseSecretRef, resolveSecret, type SecretRef } from './secrets.ts';
