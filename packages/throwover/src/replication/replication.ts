/**
 * Truth 3: replication lags.
 *
 *   database.ts  port: one region's database and the process beside it
 *   steps.ts     wait for lag, fence, catch up, promote, stop, attach
 *   guards.ts    the two databases stand as a planned switch needs them
 *   errors.ts    what a user can meet
 */
export type { Attachment, DatabaseSide, DatabaseStatus, Promotion } from './database.ts';
export { replicationErrors } from './errors.ts';
export { databasesReady } from './guards.ts';
export {
  attach,
  catchUp,
  checkpoint,
  confirmedProof,
  fence,
  promote,
  stopOld,
  waitForLag,
} from './steps.ts';
