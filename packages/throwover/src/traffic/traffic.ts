/**
 * Truth 1: DNS TTLs lie.
 *
 *   dns.ts     port: the one record set that sends traffic to a region
 *   door.ts    port: a region's front door, as the control plane sees it; door-calls.ts, door-wire.ts: its
 *              calls over HTTP and their messages
 *   conformance-door.ts conformance-counts.ts  the contracts of a door and of its counts as tests
 *   steps.ts   hold the door, forward stragglers, flip
 *   held-door.ts  the hold of one run, renewed during the run
 *   guards.ts  guards: DNS points at the region being left, the doors answer
 *   edge.ts    the door's data path, published as `throwover/edge`; its header maps the rest
 *   stragglers/  requests to a region that is not active, with their causes
 *   ttl/       benefit and cost of a TTL; lowering it before a switch
 *   generation.ts conformance.ts capabilities.ts  of DNS providers: shared code, contract, abilities
 *   errors.ts  errors for users
 */

export { canaryErrors } from './canary/errors.ts';
export { type DnsProviderKind, dnsCapabilities } from './capabilities.ts';
export {
  type AdoptableDns,
  type DnsProvider,
  type DnsRecord,
  type Generation,
  lostRace,
  mustBeAnswerOf,
  sameRecord,
  sameValues,
} from './dns.ts';
export type { Door, DoorCounts } from './door.ts';
export { doorCalls } from './door-calls.ts';
export {
  type DoorMode,
  type DoorStatus,
  type LatencyPiece,
  type LatencySpan,
  longestHoldMs,
} from './door-wire.ts';
export { trafficErrors } from './errors.ts';
export {
  formatGeneration,
  generationName,
  generationTtlSeconds,
  parseGeneration,
} from './generation.ts';
export { trafficReady } from './guards.ts';
export { HeldDoor } from './held-door.ts';
export { flipped } from './outcomes.ts';
export { flip, forwardStragglers, holdDoor } from './steps.ts';
export { surveyErrors } from './survey/errors.ts';
export { answersLeft } from './survey/left.ts';
export { behaviours } from './survey/report.ts';
export { adviseTtl, type TtlAdvice } from './ttl/advice.ts';
export {
  beyondTtlMs,
  cacheLifeMs,
  type Measured,
  type MeasuredResolver,
} from './ttl/cache-life.ts';
export { type Lowering, lowerTtl, ttlNote } from './ttl/lower-ttl.ts';
export { wireName } from './wire-name.ts';
