import type { Position } from '@throwover/client';

/**
 * Evidence that the old writer cannot write. Promotion takes one as an argument (A1).
 *
 * confirmed: the old side's application logins are closed, its sessions are gone, and `position` was
 * read afterwards, so it is an upper bound of everything it acknowledged. `token` is the fence's: the
 * proof counts for a promotion with the same token and no other.
 * expired: strict mode alone. The store grants the old writer nothing any more in this epoch, and the
 * last lease that it granted has ended by its own clock; the arithmetic is in it.
 * overridden: a person took the risk of two writers, by name.
 */
export type FenceProof = ConfirmedFence | ExpiredLease | OverriddenFence;

export interface ConfirmedFence {
  readonly kind: 'confirmed';
  readonly region: string;
  readonly position: Position;
  readonly token: number;
}

export interface ExpiredLease {
  readonly kind: 'expired';
  readonly region: string;
  readonly epoch: number;
  readonly token: number;
  /** Longest lease that may have been granted, ms. */
  readonly leaseMs: number;
  /** Bound on how much slower the holder's clock may run: 0.01 is 1 %. */
  readonly driftBound: number;
  /** From the last grant, or from the store's start when it has restarted since, to the proof, ms; at least leaseMs x (1 + driftBound). */
  readonly waitedMs: number;
}

export interface OverriddenFence {
  readonly kind: 'overridden';
  readonly by: string;
  readonly reason: string;
}

/**
 * Evidence that a database which a fence closed may be opened: nothing was or will be promoted on the
 * other side with the fence's token.
 *
 * renounced: the other side's guard has refused this token, and every lower one, for good.
 * never-asked: the journal has no intent of a promotion, and only `token` may write one.
 * overridden: a person took the risk of two writers, by name.
 */
export type OpeningProof =
  | { readonly kind: 'renounced'; readonly region: string; readonly token: number }
  | { readonly kind: 'never-asked'; readonly token: number }
  | OverriddenFence;
