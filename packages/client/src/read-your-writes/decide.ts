import { bytesOf, timelineOf } from '../position.ts';
import type { Token } from './token.ts';
import type { DatabaseView, Switch } from './view.ts';

/**
 * Every reason that `decide` can give, and its verdict.
 *
 * satisfied, lost: final. wait: becomes `not-yet` at the deadline. ask: may still be decided here,
 * and becomes `unknown` at the deadline. unknown: waiting here cannot help.
 */
export const verdicts = {
  /** Replayed (or, on the primary, written) on the token's own timeline. */
  replayed: 'satisfied',
  /** The id is committed here. */
  committed: 'satisfied',
  /** The timeline was left after the write, and this database descends from the new one. */
  'before-switch': 'satisfied',

  /** The write is past the switch, and the new timeline had not heard of its id. */
  'beyond-switch': 'lost',
  /** The primary says that the id did not commit. */
  aborted: 'lost',

  'not-replayed': 'wait',
  /** The token is from a later timeline than this database has followed to. */
  'older-timeline': 'wait',
  'in-progress': 'wait',
  /**
   * The standby has followed, but it has not yet replayed the row that says where the old timeline
   * ended.
   */
  'switch-not-replayed': 'wait',

  /** The primary is on a newer timeline, and no row says where the token's timeline was left. */
  'switch-not-recorded': 'ask',
  /** The transaction crossed the switch without an end: a prepared transaction. */
  'still-prepared': 'ask',

  /**
   * Only the primary can tell a transaction that did not cross the switch from one that has not
   * ended.
   */
  'ask-the-writer': 'unknown',
  /** This role does not see the standby's timeline, and the token has no usable id. */
  'timeline-hidden': 'unknown',
  /** This role may not read throwover.promotions. */
  'promotions-hidden': 'unknown',
  /** Two rows contradict each other about where the timeline was left. */
  'history-ambiguous': 'unknown',
  /**
   * The timeline is the same, but this primary is behind the token: restored, or a different
   * database.
   */
  'history-differs': 'unknown',
  'no-transaction-id': 'unknown',
  /** The promotion did not record the next transaction id. */
  'no-next-transaction-id': 'unknown',
  /** The id is so old that its outcome is no longer kept. */
  'too-old': 'unknown',
} as const satisfies Record<string, 'satisfied' | 'lost' | 'wait' | 'ask' | 'unknown'>;

export type Reason = keyof typeof verdicts;

/**
 * Decides whether the write of `token` is in this database. Pure. Never guesses: a false `lost`
 * makes an application pay twice, a false `satisfied` hides a loss.
 *
 * With T and P the token's timeline and position, X its id, and D the database's timeline:
 *   T = D  has the position, or the id, been replayed?
 *   T < D  where was T left? P at or before that point: the write is in D. P past it: with X at or
 *          past the first id of the new timeline the write is lost; with X below it, the primary
 *          knows how X ended.
 *   T > D  this database has not followed yet.
 * P is an upper bound and errs to one side only: P may be past the switch although the commit is
 * before it. That is why a position alone never says `lost`.
 */
export function decide(token: Token, view: DatabaseView): Reason {
  if (!view.standby) return onPrimary(token, view);
  return view.timeline === null
    ? onStandbyUnseen(token, view)
    : onStandby(token, view, view.timeline);
}

function onPrimary(token: Token, view: DatabaseView): Reason {
  const timeline = timelineOf(token.position);
  const here = view.timeline ?? view.timelineAtLeast;
  if (timeline > here) return 'older-timeline';
  if (timeline < here) return acrossSwitch(token, view);
  switch (view.xid) {
    case 'committed':
    case 'aborted':
    case 'in-progress':
      return view.xid;
    // The id is past the last id that has ended, so it has not ended either.
    case 'future':
      return 'in-progress';
    case 'forgotten':
    case null:
      return view.bytes >= bytesOf(token.position) ? 'replayed' : 'history-differs';
  }
}

/**
 * `timeline`: nothing of a later timeline was replayed, so a position that was reached was reached
 * on this one.
 */
function onStandby(token: Token, view: DatabaseView, timeline: number): Reason {
  const wanted = timelineOf(token.position);
  if (wanted > timeline) return 'older-timeline';
  if (wanted < timeline) return acrossSwitch(token, view);
  if (view.bytes >= bytesOf(token.position)) return 'replayed';
  return view.xid === 'committed' ? 'committed' : 'not-replayed';
}

/**
 * Decides on a standby that hides the timeline of its replayed position. A position then proves
 * nothing. A committed id, together with the rows, does: ids of a lost tail are given out again
 * only after a switch, and a switch has a row before the application writes.
 */
function onStandbyUnseen(token: Token, view: DatabaseView): Reason {
  if (view.switches === 'hidden') return 'promotions-hidden';
  const wanted = timelineOf(token.position);
  const recorded = view.switches === 'missing' ? [] : view.switches;
  const followed = Math.max(view.timelineAtLeast, ...recorded.map(({ timeline }) => timeline));
  if (wanted > followed) return 'older-timeline';
  if (wanted < followed) return acrossSwitch(token, view);
  if (view.xid === 'committed') return 'committed';
  const undecidable = view.xid === null || view.xid === 'forgotten';
  const reached = view.bytes >= bytesOf(token.position);
  return undecidable && reached ? 'timeline-hidden' : 'not-replayed';
}

/**
 * The database is on a later timeline than the token: decides by the row that says where the
 * token's timeline was left.
 */
function acrossSwitch(token: Token, view: DatabaseView): Reason {
  if (view.switches === 'hidden') return 'promotions-hidden';
  const left = view.switches === 'missing' ? [] : switchesFrom(token, view.switches);
  const [found, another] = left;
  if (found === undefined) return view.standby ? 'switch-not-replayed' : 'switch-not-recorded';
  if (another !== undefined) return 'history-ambiguous';
  // The row was written after the switch, so a database that shows it has replayed past the switch.
  if (bytesOf(token.position) <= bytesOf(found.position)) return 'before-switch';
  if (token.xid === null) return 'no-transaction-id';
  if (found.nextXid === null) return 'no-next-transaction-id';
  if (BigInt(token.xid) >= found.nextXid) return 'beyond-switch';
  return endOfKnown(view);
}

/** Returns how an id ended that the new timeline had heard of. */
function endOfKnown({ xid, standby }: DatabaseView): Reason {
  switch (xid) {
    case 'committed':
      return 'committed';
    case 'forgotten':
      return 'too-old';
    case 'aborted':
      return standby ? 'ask-the-writer' : 'aborted';
    case 'in-progress':
    case 'future':
    case null:
      return standby ? 'ask-the-writer' : 'still-prepared';
  }
}

/**
 * Returns the rows that say where the token's timeline was left; more than one only if they
 * disagree.
 */
function switchesFrom(token: Token, switches: readonly Switch[]): Switch[] {
  const left = switches.filter(
    ({ position }) => timelineOf(position) === timelineOf(token.position),
  );
  const [first, ...others] = left;
  if (first === undefined) return [];
  const differs = ({ position, nextXid }: Switch) =>
    position !== first.position || nextXid !== first.nextXid;
  return [first, ...others.filter(differs)];
}
