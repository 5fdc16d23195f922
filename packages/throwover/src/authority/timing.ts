import { driftBound, maxWriterLeaseMs } from '../store/store.ts';
import { authorityErrors } from './errors.ts';

/**
 * Waiting times between guards, store and controllers, ms. `checkTiming` checks how they depend on
 * each other; docs/adr/0007-timing.md justifies the defaults.
 */
export interface Timing {
  /** Strict: how long the right to write lasts without another renewal. */
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  /** Time between two rounds of a guard's watching. */
  readonly tickMs: number;
  /**
   * A pause between two ticks that is longer than this closes a strict writer before the guard asks
   * for a renewal.
   */
  readonly gapMs: number;
  /** Upper bound on how much slower one machine's clock may run than another's: 0.01 is 1 %. */
  readonly driftBound: number;
  /** Longest time that a guard waits for the store, and for the other guard. */
  readonly witnessDeadlineMs: number;
  readonly peerDeadlineMs: number;
  /** A switchover's fence opens again if no side is promoted within this time. */
  readonly fenceDeadlineMs: number;
  /**
   * Time that a fence gives to open transactions, to a standby that takes in the rest, and to a
   * command on its way.
   */
  readonly openTransactionsMs: number;
  readonly catchUpAllowanceMs: number;
  readonly commandAllowanceMs: number;
  /**
   * In synchronous mode the primary stops waiting for a standby that has not answered for this
   * long.
   */
  readonly syncPatienceMs: number;
}

export const defaultTiming: Timing = {
  leaseMs: 10_000,
  renewEveryMs: 2_500,
  tickMs: 1_000,
  gapMs: 3_000,
  driftBound,
  witnessDeadlineMs: 2_000,
  peerDeadlineMs: 2_000,
  fenceDeadlineMs: 10_000,
  openTransactionsMs: 500,
  catchUpAllowanceMs: 4_000,
  commandAllowanceMs: 2_000,
  syncPatienceMs: 3_000,
};

/** Returns the conditions that do not hold, with their arithmetic; empty if the timing is sound. */
export function brokenLines(timing: Timing): readonly string[] {
  const t = timing;
  const asked = t.renewEveryMs + t.gapMs + t.witnessDeadlineMs + t.peerDeadlineMs;
  const fenced = t.openTransactionsMs + t.catchUpAllowanceMs + t.commandAllowanceMs;
  const lines: readonly (readonly [boolean, string])[] = [
    [
      asked < t.leaseMs,
      `renewEvery ${t.renewEveryMs} + gap ${t.gapMs} + store ${t.witnessDeadlineMs} + peer ${t.peerDeadlineMs} = ${asked} must be below lease ${t.leaseMs}`,
    ],
    [
      t.gapMs < t.leaseMs - t.renewEveryMs,
      `gap ${t.gapMs} must be below lease ${t.leaseMs} - renewEvery ${t.renewEveryMs}`,
    ],
    [
      t.gapMs > t.tickMs && t.gapMs > t.renewEveryMs,
      `gap ${t.gapMs} must be above tick ${t.tickMs} and renewEvery ${t.renewEveryMs}, else every renewal closes the writer`,
    ],
    [
      t.leaseMs <= maxWriterLeaseMs,
      `lease ${t.leaseMs} must be at most ${maxWriterLeaseMs}: a store that restarts waits that long`,
    ],
    [
      fenced < t.fenceDeadlineMs,
      `openTransactions ${t.openTransactionsMs} + catch-up ${t.catchUpAllowanceMs} + command ${t.commandAllowanceMs} = ${fenced} must be below fenceDeadline ${t.fenceDeadlineMs}`,
    ],
    [
      t.driftBound > 0 && t.driftBound <= driftBound,
      `drift bound ${t.driftBound} must be above 0 and at most ${driftBound}: with that the store counts`,
    ],
  ];
  return lines.flatMap(([holds, line]) => (holds ? [] : [line]));
}

/** Returns the timing, or throws `timing-wrong` when a condition does not hold; adjusts nothing. */
export function checkTiming(timing: Timing): Timing {
  const broken = brokenLines(timing);
  if (broken.length === 0) return timing;
  throw authorityErrors.make(
    'timing-wrong',
    `the timing does not hold together: ${broken.join('; ')}`,
    {
      broken,
    },
  );
}

/**
 * Time that a grantor must wait after it granted a lease before it may treat the lease as ended,
 * ms.
 */
export function expiryOf(leaseMs: number, drift: number): number {
  return leaseMs * (1 + drift);
}

checkTiming(defaultTiming);
