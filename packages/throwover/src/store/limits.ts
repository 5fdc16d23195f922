/** Largest record, bytes of JSON: evidence is names, counts and positions; a few hundred bytes are usual. */
export const maxRecordBytes = 256 * 1024;

/** Largest plan, bytes of JSON: a plan of 20 steps with its facts is about 10 KB. */
export const maxPlanBytes = 1024 * 1024;

/** Most records of one run: a switchover writes about 30, each resume a few more. Ending it is always possible. */
export const maxRecords = 10_000;

/** Most runs in one answer. */
export const maxRunsListed = 1_000;

/** Largest body of a request to `throwover serve`: the largest plan, and what is around it. */
export const maxBodyBytes = 2 * maxPlanBytes;

/** Longest lease, ms: a controller that died must not hold its run for longer than a person waits. */
export const maxLeaseMs = 600_000;
