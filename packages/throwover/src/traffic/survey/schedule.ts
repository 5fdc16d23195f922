/**
 * Decides when a followed name is asked next: once a second while its answer is young, later every
 * twentieth of its age, so that a hold is known to 5 %; four times a second around the reported
 * end.
 */
const youngStepMs = 1_000;
const ageShare = 0.05;
const closeStepMs = 250;
const beforeEndMs = 1_250;

/**
 * Bound on close queries: a resolver whose reported end does not come is not asked four times a
 * second without end.
 */
const closeAsks = 16;

export interface Look {
  /** Age of the last answer, ms. */
  readonly ageMs: number;
  /** TTL in that answer, ms. */
  readonly toldLeftMs: number;
  /** How often in a row it has been asked at `closeStepMs`. */
  readonly close: number;
}

/** Returns the time until the next query, ms, and the new count of close queries. */
export function nextAsk({ ageMs, toldLeftMs, close }: Look): {
  readonly waitMs: number;
  readonly close: number;
} {
  const step = Math.max(youngStepMs, ageMs * ageShare);
  if (toldLeftMs > beforeEndMs) {
    return { waitMs: Math.min(step, Math.max(closeStepMs, toldLeftMs - beforeEndMs)), close: 0 };
  }
  if (close >= closeAsks) return { waitMs: step, close };
  return { waitMs: closeStepMs, close: close + 1 };
}
