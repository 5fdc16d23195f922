import type { Clock } from '../kernel/kernel.ts';

/** The place of one service among all, and its means to wait. */
export interface Turn {
  readonly index: number;
  readonly count: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Begins `watch` after this service's share of the period, so that the watchers of a thousand
 * services ask all through the period and not at the same moment. The same place waits the same
 * time. Begins nothing once the signal is aborted.
 */
export async function inTurn(
  { index, count, clock, signal }: Turn,
  periodMs: number,
  watch: () => Promise<void>,
): Promise<void> {
  await clock.sleep((periodMs * index) / count, signal).catch(() => {});
  if (!signal.aborted) await watch();
}
