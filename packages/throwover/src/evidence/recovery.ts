import type { RequestRecord } from './records.ts';

/** The objective's window, ms as they pass here: "the first 5 s in which ...". */
export const recoveryWindowMs = 5_000;

/** Share of requests in the window that the new region must have answered correctly. */
const recoveryShare = 0.99;

/** With fewer requests in the window than this, 99 % says nothing: no recovery is seen. */
const recoveryMinRequests = 20;

/**
 * Start of the first 5 s in which at least 99 % of the requests were answered correctly by the new
 * region; `null` when there was none while clients still sent.
 *
 * The window begins with a correct answer of the new region, and every request that was under way at
 * any moment of it counts, with the outcome that it came to: what hangs in the window and fails after
 * it is not counted away.
 */
export function recoveredAtMs(
  requests: readonly RequestRecord[],
  options: {
    sinceMs: number;
    watchedUntilMs: number;
    isCorrect: (request: RequestRecord) => boolean;
  },
): number | null {
  const { sinceMs, watchedUntilMs, isCorrect } = options;
  const wrong = requests.filter((request) => !isCorrect(request));
  const all = underWay(requests);
  const failing = underWay(wrong);
  const starts = requests
    .filter((request) => request.endMs >= sinceMs && isCorrect(request))
    .map(({ endMs }) => endMs)
    .sort((a, b) => a - b);
  for (const startMs of starts) {
    const endMs = startMs + recoveryWindowMs;
    if (endMs > watchedUntilMs) return null;
    const count = all(startMs, endMs);
    const correct = count - failing(startMs, endMs);
    if (count >= recoveryMinRequests && correct >= recoveryShare * count) return startMs;
  }
  return null;
}

/** How many requests were under way at any moment between two: sent by the second, not over before the first. */
function underWay(requests: readonly RequestRecord[]) {
  const sent = requests.map(({ sentMs }) => sentMs).sort((a, b) => a - b);
  const ended = requests.map(({ endMs }) => endMs).sort((a, b) => a - b);
  return (startMs: number, endMs: number) =>
    firstIndex(sent, (at) => at > endMs) - firstIndex(ended, (at) => at >= startMs);
}

/** Index of the first element of a sorted list that passes; the length when none does. */
function firstIndex(sorted: readonly number[], passes: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const value = sorted[middle];
    if (value !== undefined && passes(value)) high = middle;
    else low = middle + 1;
  }
  return low;
}
