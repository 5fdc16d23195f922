import { performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';

/** Time as this package takes it: passed in, so that waiting can be tested without waiting. */
export interface Clock {
  /** Milliseconds since an arbitrary start, with fractions. Never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects when `signal` is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own time; what is used when no other clock is given. */
export const machineClock: Clock = {
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => after(ms, undefined, signal === undefined ? {} : { signal }),
};

/** The answer, or `late` when it did not come within `ms`. What comes later is dropped, its failure too. */
export async function within<T>(clock: Clock, ms: number, answer: Promise<T>): Promise<T | 'late'> {
  const enough = new AbortController();
  const late = clock.sleep(Math.max(0, ms), enough.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    answer.catch(() => {});
    enough.abort();
  }
}
