/**
 * Decides how to move traffic in steps, each taken only if the one before it did no harm. Pure.
 *
 * ramping -> ramping (next share) | held (p99 or errors are bad) | done; held -> ramping (good
 * again) | ramping one share back (bad for longer) | failed (held for too long). *Not enough
 * requests* does not count as good: the ramp waits, and in the end fails too.
 */
export interface RampPolicy {
  /** Growing shares; the last is 1. */
  readonly shares: readonly number[];
  /**
   * Shortest time at one share, ms; if the share is a DNS weight, at least the measured t90 of a
   * flip.
   */
  readonly stepMs: number;
  /** p99 above this multiple of the baseline is bad. */
  readonly p99Factor: number;
  /** An error rate above the baseline's by more than this is bad. */
  readonly errorsAbove: number;
  /** With fewer requests there is no verdict. */
  readonly minRequests: number;
  /** Longest time without a step forward, ms. */
  readonly longestHoldMs: number;
}

/**
 * Requests that reached the new region since the last change of share. For the baseline: those of
 * the old region before.
 */
export interface RampSeen {
  readonly requests: number;
  readonly p99Ms: number | null;
  readonly errorRate: number | null;
}

export type RampState = {
  readonly at: number;
  /** Time at which this share began, monotonic ms. */
  readonly sinceMs: number;
  /** Time at which the highest share so far was first reached, monotonic ms. */
  readonly progressMs: number;
  readonly highest: number;
} & (
  | { readonly phase: 'ramping' }
  | { readonly phase: 'held'; readonly heldMs: number; readonly reason: HoldReason }
  | { readonly phase: 'done' }
  | { readonly phase: 'failed'; readonly reason: HoldReason }
);

export type HoldReason = 'p99' | 'errors' | 'too-few-requests';

export const defaultRamp: RampPolicy = {
  shares: [0.01, 0.05, 0.1, 0.25, 0.5, 1],
  stepMs: 15_000,
  p99Factor: 1.5,
  errorsAbove: 0.01,
  minRequests: 20,
  longestHoldMs: 120_000,
};

export function beginRamp(nowMs: number): RampState {
  return { phase: 'ramping', at: 0, sinceMs: nowMs, progressMs: nowMs, highest: 0 };
}

export const shareOf = ({ shares }: RampPolicy, { at }: RampState): number => shares[at] ?? 1;

/**
 * Returns the next state after an observation. The caller sets the share when `at` has changed, and
 * starts counting again from then on.
 */
export function decideRamp(
  state: RampState,
  look: { seen: RampSeen; baseline: RampSeen; nowMs: number },
  policy: RampPolicy,
): RampState {
  if (state.phase === 'done' || state.phase === 'failed') return state;
  const { nowMs } = look;
  const { at, sinceMs, progressMs, highest } = state;
  const base = { at, sinceMs, progressMs, highest };
  const verdict = judge(look, policy);
  const stuck = nowMs - progressMs > policy.longestHoldMs;
  if (verdict !== 'good') {
    if (stuck) return { ...base, phase: 'failed', reason: verdict };
    if (verdict === 'too-few-requests') return { ...base, phase: 'ramping' };
    if (state.phase === 'ramping')
      return { ...base, phase: 'held', heldMs: nowMs, reason: verdict };
    // It has been held for as long as a step lasts and has not recovered: reduce the share.
    if (nowMs - state.heldMs < policy.stepMs || at === 0) return { ...state, reason: verdict };
    return { ...base, phase: 'ramping', at: at - 1, sinceMs: nowMs };
  }
  if (nowMs - sinceMs < policy.stepMs) return { ...base, phase: 'ramping' };
  if (at === policy.shares.length - 1) return { ...base, phase: 'done' };
  const next = at + 1;
  const ahead = next > highest ? { highest: next, progressMs: nowMs } : { highest, progressMs };
  return { phase: 'ramping', at: next, sinceMs: nowMs, ...ahead };
}

function judge(
  { seen, baseline }: { seen: RampSeen; baseline: RampSeen },
  policy: RampPolicy,
): 'good' | HoldReason {
  const { p99Ms, errorRate, requests } = seen;
  if (requests < policy.minRequests || p99Ms === null || errorRate === null) {
    return 'too-few-requests';
  }
  if (errorRate > (baseline.errorRate ?? 0) + policy.errorsAbove) return 'errors';
  // Without a baseline it is unknown whether the new region is slower.
  if (baseline.p99Ms === null) return 'too-few-requests';
  return p99Ms > baseline.p99Ms * policy.p99Factor ? 'p99' : 'good';
}
