import type { Position } from '@throwover/client';

/**
 * Evidence that the old writer cannot write. Promotion takes one as an argument (A1).
 *
 * confirmed: the old side's application logins are closed, its sessions are gone, and `position` was
 * read afterwards, so it is an upper bound of everything it acknowledged.
 * overridden: a person took the risk of two writers, by name.
 */
export type FenceProof =
  | {
      readonly kind: 'confirmed';
      readonly region: string;
      readonly position: Position;
      readonly token: number;
    }
  | { readonly kind: 'overridden'; readonly by: string; readonly reason: string };
