import { driftBound, maxWriterLeaseMs } from '../store/limits.ts';
import { authorityErrors } from './errors.ts';

/**
 * How long who waits for whom, ms. All are tied by the lines that `checkTiming` checks; the defaults are
 * justified in docs/adr/0007-timing.md.
 */
export interface Timing {
  /** Strict: how long the right to write lasts without another renewal. */
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  /** Time between two rounds of a guard's watching. */
  readonly tickMs: number;
  /** A pause between two ticks that is longer than this closes a strict writer before anybody is asked. */
  readonly gapMs: number;
  /** How much slower one machine's clock may run than another's: 0.01 is 1 %. */
  readonly driftBound: number;
  /** Longest wait of a guard for the store, and for the other guard. */
  readonly witnessDeadlineMs: number;
  readonly peerDeadlineMs: number;
  /** A switchover's fence opens again when nobody promoted within this. */
  readonly fenceDeadlineMs: number;
  /** What a fence gives open transactions, a standby to take in the rest, and a command its way. */
  readonly openTransactionsMs: number;
  readonly catchUpAllowanceMs: number;
  readonly commandAllowanceMs: number;
  /** A standby that has not answered for this long is given up on in synchronous mode. */
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

/** Lines that do not hold, with their arithmetic; empty: the timing is sound. */
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

/** Refuses a combination that breaks a line; nothing is adjusted. */
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

/** How long after it granted a lease a grantor must wait before it may call it ended, ms. */
export function expiryOf(leaseMs: number, drift: number): number {
  return leaseMs * (1 + drift);
}

checkTiming(defaultTiming);
