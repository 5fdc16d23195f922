/**
 * From a team's throwover.yaml to the ports of a run. This folder alone names adapters. No call is
 * made and no SDK is loaded until a port is used.
 *
 *   service-ports.ts  Service -> ports, policy, runs
 *   dns.ts            the DNS provider of `traffic`
 *   resolvers.ts      resolvers, from the evidence log
 *   control-plane.ts  parts of the control plane in the region being left (A6)
 *   forecast.ts       the samples of a forecast
 *   by-hand.ts        the runbook for people
 *   processes.ts      the adapters of our own processes
 */
export { type HandKind, handDocument, handKinds } from './by-hand.ts';
export { controlPlaneIn } from './control-plane.ts';
export { resolutionTimesMs, ttlSecondsOf } from './dns.ts';
export { type Gathered, gatherForecast } from './forecast.ts';
export { pricesOf } from './prices.ts';
export { newConnectionsPerSecond, resolverFacts } from './resolvers.ts';
export {
  checkTimingOf,
  compose,
  defineRun,
  evidenceOf,
  guardWitness,
  issueTrackerOf,
  noSuchRegion,
  notifiersOf,
  type Parts,
} from './service-ports.ts';
