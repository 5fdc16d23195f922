/**
 * Requests that reach a region which is not active: their number, sources, causes, and end.
 *
 *   meter.ts        counts of one door by epoch, time, client network
 *   origin.ts       network and product token of a request
 *   connections.ts  ages of connections
 *   histogram.ts    durations in bounded memory
 *   beacons.ts      the resolvers that the clients of a network use
 *   causes.ts       resolver tail, runtime cache, or unknown; pure
 *   curve.ts        two doors' counts -> how the traffic of a run moved; pure
 *   wire.ts         the same over HTTP
 */
export { beaconCount, joinBeacons, newestBeacons } from './beacons.ts';
export type { SurveyedResolver } from './causes.ts';
export { type Cause, causeReader, causes, type ResolverKnowledge } from './causes.ts';
export { curveSchema, stragglerCurve } from './curve.ts';
export type { EpochReport } from './wire.ts';
