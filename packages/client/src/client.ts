/**
 * The library that runs inside an application that fails over. It has no dependencies and owns the
 * wire contract between the application and throwover.
 *
 *   wire.ts                names of headers
 *   end-to-end.ts          headers that a proxy passes on
 *   position.ts            (timeline, log position), sortable
 *   webhooks.ts            each event once, in the application's own transaction
 *   read-your-writes/      a read sees the writes of its client, or says that it does not
 *   writer/                writes reach the current writer, once
 *   stragglers/            forwards requests that reach a standby region to the active region
 *   warm-up/               warm-up invocations, answered without the application
 *   errors.ts              the errors that read-your-writes/ and writer/ raise
 *   sql.ts, sqlstate.ts    the database client that is needed, and how its errors are read
 *   clock.ts               time, passed in
 */
export type { Clock } from './clock.ts';
export { endToEnd } from './end-to-end.ts';
export {
  ClientError,
  type ClientErrorCode,
  clientErrors,
  EpochHidden,
  HoldFull,
  NotYet,
  NoWriter,
  OutcomeUnknown,
  Undecided,
  WriteLost,
} from './errors.ts';
export { bytesOf, isPosition, lsnOf, type Position, positionOf, timelineOf } from './position.ts';
export * from './read-your-writes/read-your-writes.ts';
export type { Queryable } from './sql.ts';
export * from './stragglers/stragglers.ts';
export { type WarmUpAnswer, type WarmUpOptions, withWarmUp } from './warm-up/warm-up.ts';
export {
  type Processed,
  type ProcessOnceOptions,
  processOnce,
  type SqlClient,
} from './webhooks.ts';
export { headers } from './wire.ts';
export { type FirstWritableOptions, firstWritable } from './writer/first-writable.ts';
export type { Accept, WriterClient } from './writer/pool.ts';
export {
  createWriter,
  type Transacted,
  type TransactionOptions,
  type Writer,
  type WriterEvent,
  type WriterOptions,
} from './writer/writer.ts';
