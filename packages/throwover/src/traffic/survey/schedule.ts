/**
 * When a followed name is asked next: a query a second while its answer is young, every twentieth of its
 * age later, so that a hold is known to 5 %; four a second around the end that the resolver tells.
 */
const youngStepMs = 1_000;
const ageShare = 0.05;
const closeStepMs = 250;
const beforeEndMs = 1_250;

/** A resolver that tells an end that does not come is not asked four times a second for ever. */
const closeAsks = 16;

export interface Look {
  /** Of the answer that was given last, ms. */
  readonly ageMs: number;
  /** TTL told with it, ms. */
  readonly toldLeftMs: number;
  /** How often it has been asked at `closeStepMs` in a row. */
  readonly close: number;
}

/** Time until the next query, ms, and the count of close ones with it. */
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
