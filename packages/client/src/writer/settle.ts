import { positionOf } from '../position.ts';
import { decide, type Reason, verdicts } from '../read-your-writes/decide.ts';
import type { Token } from '../read-your-writes/token.ts';
import type { DatabaseView } from '../read-your-writes/view.ts';
import type { LastCheckpoint } from './standing.ts';

/** A transaction whose COMMIT was sent and got no reply. */
export interface Claim {
  readonly timeline: number;
  readonly xid: string;
  /** Incarnation of the server that was asked to commit. */
  readonly incarnation: string;
}

/** The state of the current writer, with its view of the transaction. */
export interface Evidence {
  readonly view: DatabaseView;
  readonly incarnation: string;
  readonly checkpoint: LastCheckpoint;
}

/**
 * `restarted`: the server recovered from a crash and has gone on since; the id may now belong to
 * another transaction.
 */
export type SettleReason = Reason | 'restarted' | 'no-writer';

export type Settled =
  | { readonly how: 'committed'; readonly reason: SettleReason }
  | { readonly how: 'not-committed'; readonly reason: SettleReason }
  | { readonly how: 'wait'; readonly reason: SettleReason }
  | { readonly how: 'unknown'; readonly reason: SettleReason };

/** A log position past every other: where the COMMIT record is, or would be, is not known. */
const unknownPosition = 'FFFFFFFF/FFFFFFFF';

/**
 * Returns a token for the claim: satisfied if it committed, lost if it did not. Its position alone
 * is never satisfied.
 */
export function claimToken({ timeline, xid }: Claim): Token {
  return { position: positionOf(timeline, unknownPosition), xid };
}

/**
 * Returns how the claimed transaction ended, according to the current writer. Pure.
 *
 * On the same server and across promotions, the rules are those of a token. After crash recovery on
 * the same timeline there is one more: an id that had not reached the disk is given out again. The
 * ids that recovery found are below the next id of the checkpoint at the end of recovery, as long
 * as no other checkpoint ran since.
 */
export function settle(claim: Claim, evidence: Evidence): Settled {
  const { view, incarnation } = evidence;
  const sameTimeline = !view.standby && view.timeline === claim.timeline;
  if (sameTimeline && incarnation !== claim.incarnation) return afterRestart(claim, evidence);
  const reason = decide(claimToken(claim), view);
  switch (verdicts[reason]) {
    case 'satisfied':
      return { how: 'committed', reason };
    case 'lost':
      return { how: 'not-committed', reason };
    case 'wait':
    case 'ask':
      return { how: 'wait', reason };
    case 'unknown':
      return { how: 'unknown', reason };
  }
}

function afterRestart(claim: Claim, { view, checkpoint }: Evidence): Settled {
  switch (view.xid) {
    case 'aborted':
    // The server has not given this id out: recovery did not find it.
    case 'future':
      return { how: 'not-committed', reason: 'aborted' };
    case 'committed':
      if (!checkpoint.afterRecovery) return { how: 'unknown', reason: 'restarted' };
      return BigInt(claim.xid) < checkpoint.nextXid
        ? { how: 'committed', reason: 'committed' }
        : { how: 'not-committed', reason: 'aborted' };
    case 'in-progress':
      return { how: 'wait', reason: 'in-progress' };
    case 'forgotten':
    case null:
      return { how: 'unknown', reason: 'too-old' };
  }
}
