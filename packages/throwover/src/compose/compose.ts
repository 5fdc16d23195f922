/**
 * From a team's throwover.yaml to the ports of a run. This folder alone names adapters. No call is
 * made and no SDK is loaded until a port is used.
 *
 *   service-ports.ts  Service -> ports, policy, runs
 *   dns.ts            the DNS provider of `traffic`
 *   by-hand.ts        the runbook for people
 *   processes.ts      the adapters of our own processes
 */

/** The evidence log of a service, for a process without a throwover.yaml. */
export { httpEvidence as evidenceOf } from '../providers/http/evidence.ts';
export { type HandKind, handDocument, handKinds } from './by-hand.ts';
export { resolutionTimesMs } from './dns.ts';
export {
  checkTimingOf,
  compose,
  defineRun,
  guardWitness,
  issueTrackerOf,
  noSuchRegion,
  notifiersOf,
  type Parts,
} from './service-ports.ts';
