import type { RequestRecord } from './run-evidence.ts';

/** The window of the objective, ms of local time: "the first 5 s in which ...". */
export const recoveryWindowMs = 5_000;

/** Share of requests in the window that the new region must have answered correctly. */
const recoveryShare = 0.99;

/** Fewer requests than this make 99 % meaningless, so no recovery is seen in the window. */
const recoveryMinRequests = 20;

/**
 * Returns the start of the first 5 s in which the new region answered at least 99 % of the requests
 * correctly; `null` when there was none while clients still sent.
 *
 * The window begins with a correct answer of the new region. Every request that was under way at
 * any moment of the window counts, with its final outcome: a request that hangs in the window and
 * fails after it counts as failed.
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

/**
 * Returns a function that counts the requests under way at any moment between two times: sent by
 * the second, not over before the first.
 */
function underWay(requests: readonly RequestRecord[]) {
  const sent = requests.map(({ sentMs }) => sentMs).sort((a, b) => a - b);
  const ended = requests.map(({ endMs }) => endMs).sort((a, b) => a - b);
  return (startMs: number, endMs: number) =>
    firstIndex(sent, (at) => at > endMs) - firstIndex(ended, (at) => at >= startMs);
}

/**
 * Returns the index of the first element of a sorted list that passes; the length when none does.
 */
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
