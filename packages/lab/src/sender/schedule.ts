import type { Random } from 'throwover/kernel';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * When Stripe tries again, ms of life time after the first attempt.
 *
 * Stripe says: in live mode up to three days, exponentially, and publishes no times. These times
 * are second-hand observations: 5 min, 30 min, 2, 4, 8, 16 hours, then daily up to 72 hours.
 */
export const retryOffsetsMs: readonly number[] = [
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  16 * HOUR,
  24 * HOUR,
  48 * HOUR,
  72 * HOUR,
];

/**
 * Each wait is up to a tenth longer or shorter, so that events that failed together do not return
 * together.
 */
const JITTER = 0.1;

/**
 * Returns the wait after the attempt with this number (1 is the first), ms of local time; `null`
 * when the sender gives up.
 */
export function waitAfterMs(attempt: number, timeScale: number, random: Random): number | null {
  const next = retryOffsetsMs[attempt - 1];
  if (next === undefined) return null;
  const before = attempt === 1 ? 0 : (retryOffsetsMs[attempt - 2] ?? 0);
  const jitter = 1 + JITTER * (2 * random.next() - 1);
  return ((next - before) * jitter) / timeScale;
}
