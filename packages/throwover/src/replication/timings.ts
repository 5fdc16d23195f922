/** Time between two looks at a position, ms: below the round trip of one region pair, so it adds nothing. */
export const positionPollMs = 5;

/** The same while nobody can write, ms: what a look costs, about. */
export const catchUpPollMs = 2;

/** Longest time a command to the process beside a database may take, ms; its own deadline is 15 s. */
export const commandTimeoutMs = 30_000;

/** How long a guard is waited for where the run can go on without its answer, ms: two round trips at the worst latency between regions, and a write to its disk. */
export const guardPatienceMs = 2_000;

/**
 * A region that has died after the promotion must not keep the traffic from moving: after this long
 * without an answer the step goes on without it, ms. Three round trips of the slowest status.
 */
export const unseenPatienceMs = 6_000;

/**
 * How long a failover waits for a first word from the region that it leaves, ms: five round trips at
 * 100 ms one way. A region that is called lost is asked, and not waited for.
 */
export const lostPatienceMs = 1_000;

/** How long a failover waits for the old side to close its database, ms: once it has answered anything: a fence takes 20 to 50 and its open transactions. */
export const fencePatienceMs = 2_000;
