/**
 * Pause between two reads of a position, ms: below the round trip between two regions, so it adds
 * no noticeable time.
 */
export const positionPollMs = 5;

/** The same pause while no region takes writes, ms: about the time that one read takes. */
export const catchUpPollMs = 2;

/**
 * Longest time that a command to the process beside a database may take, ms; the command's own
 * deadline is 15 s.
 */
export const commandTimeoutMs = 30_000;

/**
 * How long a run waits for a guard when it can continue without the answer, ms: two round trips at
 * the worst latency between regions, and a write to the guard's disk.
 */
export const guardPatienceMs = 2_000;

/**
 * Time without an answer after which a step goes on without it, ms, so that a region that dies
 * after the promotion does not keep the traffic from moving: three round trips of the slowest
 * status.
 */
export const unseenPatienceMs = 6_000;

/**
 * How long a failover waits for a first answer from the region that it leaves, ms: five round trips
 * at 100 ms one way. The region may be dead, so the wait is short.
 */
export const lostPatienceMs = 1_000;

/**
 * How long a failover waits for the old side to close its database once it has answered anything,
 * ms: a fence takes 20 to 50 ms and its open transactions.
 */
export const fencePatienceMs = 2_000;
