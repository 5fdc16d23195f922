import { performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';

/** The clock that this package uses. It is passed in, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since an arbitrary start, with fractions. Never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects when `signal` is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock; the default. */
export const machineClock: Clock = {
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => after(ms, undefined, signal === undefined ? {} : { signal }),
};

/**
 * Ends a wait that is no longer needed. Without a reason, Node builds a DOMException with a stack
 * each time.
 */
const answered = new Error('answered');

/**
 * Returns the answer, or `late` when it did not arrive within `ms`. A later answer or failure is
 * ignored.
 */
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
    enough.abort(answered);
  }
}
