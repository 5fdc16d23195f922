/**
 * Largest record, bytes of JSON. Evidence is names, counts and positions; a few hundred bytes are
 * usual.
 */
export const maxRecordBytes = 256 * 1024;

/** Largest plan, bytes of JSON: a plan of 20 steps with its facts is about 10 KB. */
export const maxPlanBytes = 1024 * 1024;

/**
 * Most records of one run: a switchover writes about 30, each resume a few more. The record that
 * ends a run is always accepted.
 */
export const maxRecords = 10_000;

/** Largest record that replaces the run's plan: the plan, and the rest of the record. */
export const maxReplanBytes = maxPlanBytes + maxRecordBytes;

/**
 * Most records in one append: the records that become due during one wait between two acts. Four of
 * the largest fit into one body.
 */
export const maxRecordsPerAppend = 4;

/** Most runs in one answer. */
export const maxRunsListed = 1_000;

/**
 * Largest body of a request to `throwover serve`: the largest plan, and the rest of the request.
 */
export const maxBodyBytes = 2 * maxPlanBytes;

/**
 * Longest lease of a run, ms: a controller that died must not hold its run for longer than a person
 * waits.
 */
export const maxLeaseMs = 600_000;

/**
 * Longest lease of a writer, ms (strict mode). A store that restarted has lost its grants from
 * memory, so it proves no expiry before this time x (1 + driftBound). A restart may delay a
 * failover by as much.
 */
export const maxWriterLeaseMs = 30_000;

/**
 * Upper bound on how much slower a lease holder's clock may run than the store's: 1 %. Quartz is
 * off by 0.01 %, a clock that is slewed by 0.05 %.
 */
export const driftBound = 0.01;

/**
 * Highest epoch and token in any message, so that a wrong one does not use up the numbers: a store
 * and a guard can always go on above what they have seen, except above this one itself.
 */
export const maxCounter = 1e12;

/** Most entries of the ledger in one call, and in one answer. */
export const maxLossesPerCall = 500;

/**
 * Largest entry of the ledger, bytes of JSON. The sender of a row with a larger value shortens the
 * value and marks that.
 */
export const maxLossBytes = 256 * 1024;

/** Most bytes of entries in one call, and in one answer. */
export const maxLossChunkBytes = 1024 * 1024;

/**
 * Largest ledger of one service, bytes: a quarter of the store, so that lost writes always leave
 * room for journals.
 */
export const maxLedgerBytes = 256 * 1024 ** 2;

/** Longest text that a person gives: the reason of a halt, or the resolution of a lost write. */
export const maxNoteLength = 2_000;
