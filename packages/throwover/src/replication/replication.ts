/**
 * Truth 3: replication lags.
 *
 *   arm.ts              checkpoint, prewarm, wait for lag
 *   old-writer.ts       the old side, and this controller's proof that it is closed
 *   fence.ts            close it; in a failover, if it answers
 *   expire-writer.ts    strict mode: waits for the end of its lease, which is the proof
 *   keep-in-sync.ts     synchronous mode: the old side's commits go on waiting for the standby
 *   catch-up.ts         waits until the standby has everything, or in a failover all it can get
 *   exposure.ts loss.ts the possible loss of a failover, from the last known positions
 *   standby.ts          the new side, as catch-up and promote see it
 *   promote.ts          the point of no return, and the proof for it
 *   settle.ts           stop, close and attach the old side
 *   salvage.ts          reads the writes that only the old side has, before it is attached
 *   lag-history.ts      lag over thirty days; lag-calls.ts: how `throwover serve` tells it
 *   claim.ts            tells both guards the newest token, first act of a takeover
 *   guards.ts           guards of a planned switch; failover-guards.ts: of the other runs
 *   clusters.ts         guards that both databases are one cluster
 *   other-writers.ts    guard against writers that a fence does not stop
 *   consent.ts          the approved overrides
 *   outcomes.ts         what the steps leave in the journal
 *   errors.ts           errors for users
 */
export { checkpoint, prewarm, waitForLag } from './arm.ts';
export { catchUp, catchUpLossy } from './catch-up.ts';
export { claim } from './claim.ts';
export { clusterError, mayFollow, oneCluster, verdictOfBoth } from './clusters.ts';
export { type Consent, noConsent } from './consent.ts';
export { replicationErrors } from './errors.ts';
export { expireWriter } from './expire-writer.ts';
export { exposureText, sequenceAdvance } from './exposure.ts';
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
export { keepInSync } from './keep-in-sync.ts';
export { type LagReport, lagCalls, type Sighting } from './lag-calls.ts';
export {
  dayMs,
  hourMs,
  type LagSample,
  LagSpan,
  type LagSpanJson,
  type MeasureJson,
  minuteMs,
  positionLagMs,
  startOf,
  type TimedSighting,
} from './lag-history.ts';
export { ledgerSql } from './ledger-sql.ts';
export { lossView, type PositionHistory } from './loss.ts';
export { OldWriter } from './old-writer.ts';
export { nothingPassesTheFence, writerText } from './other-writers.ts';
export { caughtUp, type Exposure, promoted, salvaged } from './outcomes.ts';
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
