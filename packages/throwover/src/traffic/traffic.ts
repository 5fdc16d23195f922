/**
 * Truth 1: DNS TTLs lie.
 *
 *   dns.ts     port: the one record set that sends traffic to a region
 *   door.ts    port: a region's front door, as the control plane sees it
 *   steps.ts   hold the door, forward stragglers, flip
 *   guards.ts  DNS points at the region being left, the doors answer
 *   edge.ts    the door's data path, published as `throwover/edge`; its header maps the rest
 *   stragglers/  who still comes to a region that is not active, and why
 *   ttl/       what a TTL buys and costs; lowering it ahead of a switch
 *   generation.ts conformance.ts capabilities.ts  what every DNS provider shares, must do, can do
 *   errors.ts  what a user can meet
 */
export { trafficReady } from './guards.ts';
export { flip, forwardStragglers, holdDoor } from './steps.ts';
export { lowerTtl } from './ttl/lower-ttl.ts';
