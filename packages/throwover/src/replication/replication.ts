/**
 * Truth 3: replication lags.
 *
 *   database.ts  port: one region's database and the process beside it
 *   steps.ts     wait for lag, fence, catch up, promote, stop, attach
 *   guards.ts    the two databases stand as a planned switch needs them
 *   errors.ts    what a user can meet
 */
export { databasesReady } from './guards.ts';
export {
  attach,
  catchUp,
  caughtUpProof,
  checkpoint,
  fence,
  OldWriter,
  promote,
  stopOld,
  waitForLag,
} from './steps.ts';
