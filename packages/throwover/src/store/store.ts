/**
 * The store of epochs, run leases and journals.
 *
 *   port.ts            the port
 *   rules.ts epochs.ts writer.ts ledger.ts  what each call may do: pure, the same for every adapter
 *   plan.ts            the plan of a run and its digest; damage.ts: runs that cannot be read
 *   leases.ts          the state that a store process keeps only in memory
 *   shapes.ts          the values that it keeps: their schemas and types
 *   wire.ts            the port as JSON: the table of its calls
 *   conformance.ts     the suite that every adapter runs
 *   memory/ sqlite/ remote/  the adapters
 */

export { damageOf, journalOf } from './damage.ts';
export { laterSync } from './epochs.ts';
export { storeErrors } from './errors.ts';
export {
  driftBound,
  maxBodyBytes,
  maxCounter,
  maxLossesPerCall,
  maxNoteLength,
  maxRecordsPerAppend,
  maxWriterLeaseMs,
} from './limits.ts';
export { type GuardResult, type Plan, type PlanStep, planDigest, storedPlan } from './plan.ts';
export type { EmbeddedStore, Store } from './port.ts';
export type {
  Ending,
  Halt,
  JournalEvent,
  JournalRecord,
  Loss,
  RunLease,
  RunState,
  RunSummary,
  ServiceState,
  SyncState,
} from './shapes.ts';
export { type StoreCall, storeCallNames, storeCalls, storeThrough } from './wire.ts';
