/**
 * Truth 3: replication lags.
 *
 *   arm.ts              checkpoint, prewarm, wait for lag
 *   old-writer.ts       the old side, and this controller's proof that it is closed
 *   fence.ts            close it; in a failover, if it answers
 *   expire-writer.ts    strict mode: the end of its lease as the proof
 *   catch-up.ts         the standby has everything; in a failover, what it can still get
 *   exposure.ts loss.ts what a failover would lose, from the last known positions
 *   promote.ts          the point of no return, and with which proof
 *   settle.ts           stop, close and attach the old side
 *   claim.ts            the newest token at both guards, before anything of a takeover
 *   guards.ts           a planned switch can begin; failover-guards.ts: failover, rejoin, failback
 *   consent.ts          what was approved beyond the plan
 *   errors.ts           what a user can meet
 */
export { checkpoint, prewarm, waitForLag } from './arm.ts';
export { catchUp, catchUpLossy } from './catch-up.ts';
export { claim } from './claim.ts';
export { type Consent, noConsent } from './consent.ts';
export { replicationErrors } from './errors.ts';
export { expireWriter } from './expire-writer.ts';
export {
  aboveBound,
  assumedIdsPerSecond,
  type Exposure,
  exposureText,
  type Sighting,
  sequenceAdvance,
} from './exposure.ts';
export {
  canRejoin,
  exposureNow,
  failbackUnlocked,
  goesHome,
  lossesRead,
  lossWithinBound,
  oneWriter,
  standbyAnswers,
  statusOf,
} from './failover-guards.ts';
export { fence, fenceIfReachable, withoutAnswer } from './fence.ts';
export { databasesReady } from './guards.ts';
export { type LossView, lossView, type PositionHistory } from './loss.ts';
export { OldWriter } from './old-writer.ts';
export {
  caughtUpTerms,
  failoverTerms,
  newestPromotion,
  ownPromotion,
  promote,
} from './promote.ts';
export { attach, closeReturned, stopOld } from './settle.ts';
