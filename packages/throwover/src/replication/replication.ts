/**
 * Truth 3: replication lags.
 *
 *   arm.ts              checkpoint, prewarm, wait for lag
 *   old-writer.ts       the old side, and this controller's proof that it is closed
 *   fence.ts            close it; in a failover, if it answers
 *   expire-writer.ts    strict mode: the end of its lease as the proof
 *   catch-up.ts         the standby has everything; in a failover, what it can still get
 *   exposure.ts loss.ts what a failover would lose, from the last known positions
 *   standby.ts          the new side, as catch-up and promote see it
 *   promote.ts          the point of no return, and with which proof
 *   settle.ts           stop, close and attach the old side
 *   salvage.ts          what the old side alone had committed, before it is attached
 *   lag-history.ts      lag over thirty days
 *   claim.ts            the newest token at both guards, before anything of a takeover
 *   guards.ts           a planned switch can begin; failover-guards.ts: failover, rejoin, failback
 *   other-writers.ts    who writes past a fence
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
  unsentNow,
} from './failover-guards.ts';
export { fence, fenceIfReachable, withoutAnswer } from './fence.ts';
export { databasesReady } from './guards.ts';
export { ledgerSql } from './ledger-sql.ts';
export { lossView, type PositionHistory } from './loss.ts';
export { OldWriter } from './old-writer.ts';
export { nothingPassesTheFence, writerText } from './other-writers.ts';
export {
  caughtUpTerms,
  failoverTerms,
  newestPromotion,
  ownPromotion,
  promote,
} from './promote.ts';
export { ledgerPossible, salvage } from './salvage.ts';
export { attach, closeReturned, stopOld } from './settle.ts';
export { Standby } from './standby.ts';
export { lostPatienceMs } from './timings.ts';
