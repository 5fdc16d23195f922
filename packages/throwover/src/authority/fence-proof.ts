import type { Position } from '@throwover/client';

/**
 * Evidence that the old writer cannot write. Promotion takes one as an argument (A1).
 *
 * confirmed: the old side's application logins are closed, its sessions are gone, and `position`
 * was read afterwards, so it is an upper bound of everything that side acknowledged. `token` is the
 * token of the fence: the proof is valid only for a promotion with the same token. expired: only in
 * strict mode. The store grants the old writer no more leases in this epoch, and the last lease
 * that it granted has ended by the store's own clock; the proof contains the arithmetic.
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
  /** Upper bound on how much slower the holder's clock may run: 0.01 is 1 %. */
  readonly driftBound: number;
  /**
   * Time from the last grant (or from the store's start, if it has restarted since) to the proof,
   * ms; at least leaseMs x (1 + driftBound).
   */
  readonly waitedMs: number;
}

export interface OverriddenFence {
  readonly kind: 'overridden';
  readonly by: string;
  readonly reason: string;
}

/**
 * Evidence that a database which was closed by a fence may be opened: the other side was not
 * promoted with the fence's token and will not be.
 *
 * renounced: the other side's guard refuses this token, and every lower one, permanently.
 * never-asked: the journal has no intent of a promotion, and only the controller with `token` may
 * write one. overridden: a person took the risk of two writers, by name.
 */
export type OpeningProof =
  | { readonly kind: 'renounced'; readonly region: string; readonly token: number }
  | { readonly kind: 'never-asked'; readonly token: number }
  | OverriddenFence;
