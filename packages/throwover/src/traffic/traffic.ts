/**
 * Truth 1: DNS TTLs lie.
 *
 *   dns.ts     port: the one record set that sends traffic to a region
 *   door.ts    port: a region's front door, as the control plane sees it
 *   steps.ts   hold the door, forward stragglers, flip
 *   held-door.ts  the hold of one run, renewed during the run
 *   guards.ts  guards: DNS points at the region being left, the doors answer
 *   edge.ts    the door's data path, published as `throwover/edge`; its header maps the rest
 *   stragglers/  requests to a region that is not active, with their causes
 *   ttl/       benefit and cost of a TTL; lowering it before a switch
 *   generation.ts conformance.ts capabilities.ts  of DNS providers: shared code, contract, abilities
 *   errors.ts  errors for users
 */
export { trafficReady } from './guards.ts';
export { HeldDoor } from './held-door.ts';
export { flip, forwardStragglers, holdDoor } from './steps.ts';
export { lowerTtl } from './ttl/lower-ttl.ts';
