import { type Clock, isThrowoverError } from '../../kernel/kernel.ts';

/**
 * Highest number of repeats of an act or undo that failed with `retry`; with the pauses below about
 * 6 s.
 */
export const maxRepeats = 10;

const firstPauseMs = 25;
const longestPauseMs = 1_000;

/**
 * Pause before repeat number `repeats` (from 0), ms; doubled each time. The first is short, because
 * writes may be waiting.
 */
export function pauseBeforeRepeatMs(repeats: number): number {
  return Math.min(firstPauseMs * 2 ** repeats, longestPauseMs);
}

/**
 * Resolves like `work`, which is called again while it fails with `retry`; `failed` is called with
 * each failure. Rejects with the signal's reason once that is aborted.
 */
export async function repeated<T>(
  work: () => Promise<T>,
  {
    clock,
    signal,
    failed,
  }: { clock: Clock; signal: AbortSignal; failed: (error: unknown) => void },
): Promise<T> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      failed(error);
      const again = isThrowoverError(error) && error.disposition === 'retry';
      if (!again || repeats >= maxRepeats) throw error;
    }
    await clock.sleep(pauseBeforeRepeatMs(repeats), signal);
  }
}
