import type { Clock } from './clock.ts';

/** How a watcher is ended, and who hears of a look that failed. */
export interface Watching {
  readonly signal: AbortSignal;
  readonly failed: (error: unknown) => void;
}

/**
 * Calls `look` again and again until the signal is aborted, with a pause after each call. `pauseMs`
 * is asked after each look when it is a function.
 *
 * No error ends the loop: what watches a region must not stop at the first bug or the first store
 * that does not answer. `failed` hears every error; it decides what people are told.
 */
export async function every(
  rhythm: Watching & { readonly clock: Clock; readonly pauseMs: number | (() => number) },
  look: () => Promise<unknown>,
): Promise<void> {
  const { clock, pauseMs, signal, failed } = rhythm;
  while (!signal.aborted) {
    try {
      await look();
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
    }
    const ms = typeof pauseMs === 'number' ? pauseMs : pauseMs();
    await clock.sleep(ms, signal).catch(() => {});
  }
}
