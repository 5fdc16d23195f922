/** What a database is in its pair, as its guard remembers it: one of these at any time. */
export const sides = {
  open: 'it takes writes, if it is a primary',
  following: 'a standby that has followed a primary',
  fenced: "closed by a run's fence",
  started: 'closed at its start: nobody has confirmed yet that it is the active one',
  succeeded: 'closed because another region is active in a newer epoch',
  promoting: 'its promotion is accepted and has not finished; one that may lose writes closes it',
  overtaken: 'closed for a promotion, and another region opened that epoch or a newer one',
} as const;

export type Side = keyof typeof sides;

/** What changes a side. */
export const sideTurns = {
  fence: 'a run closes it',
  unfence: 'a run, or the end of a deadline, takes the fence back',
  started: 'the guard finds the database down and starts it',
  'newer-epoch': 'the guard closes it, because it knows of a newer epoch of another region',
  'vouched-for': 'store or peer confirm that it is the active one',
  follows: 'the guard sees that it streams from a primary',
  'promotion-accepted': 'a run promotes it, and the guard has accepted the proof',
  promoted: 'the promotion has ended',
  adopted: 'the guard sees that a person promoted it by hand',
  attach: 'a run begins to make it a standby',
  attached: 'it has become a standby',
  told: 'store, peer or a run report a newer epoch',
} as const;

export type SideTurn = keyof typeof sideTurns;

/** Every change of a side. Tests and simulation fail on a change that is not here. */
export const sideRows: readonly {
  readonly from: Side;
  readonly on: SideTurn;
  readonly to: Side;
}[] = [
  { from: 'open', on: 'fence', to: 'fenced' },
  { from: 'open', on: 'started', to: 'started' },
  { from: 'open', on: 'newer-epoch', to: 'succeeded' },
  { from: 'open', on: 'follows', to: 'following' },
  { from: 'open', on: 'attached', to: 'following' },
  { from: 'open', on: 'promotion-accepted', to: 'promoting' },
  { from: 'following', on: 'started', to: 'started' },
  { from: 'following', on: 'fence', to: 'fenced' },
  { from: 'following', on: 'newer-epoch', to: 'succeeded' },
  { from: 'following', on: 'adopted', to: 'open' },
  { from: 'following', on: 'attach', to: 'open' },
  { from: 'following', on: 'promotion-accepted', to: 'promoting' },
  { from: 'fenced', on: 'unfence', to: 'open' },
  { from: 'fenced', on: 'newer-epoch', to: 'succeeded' },
  { from: 'fenced', on: 'follows', to: 'following' },
  { from: 'fenced', on: 'attached', to: 'following' },
  { from: 'fenced', on: 'promotion-accepted', to: 'promoting' },
  { from: 'started', on: 'vouched-for', to: 'open' },
  { from: 'started', on: 'unfence', to: 'open' },
  { from: 'started', on: 'adopted', to: 'open' },
  { from: 'started', on: 'fence', to: 'fenced' },
  { from: 'started', on: 'newer-epoch', to: 'succeeded' },
  { from: 'started', on: 'follows', to: 'following' },
  { from: 'started', on: 'attached', to: 'following' },
  { from: 'started', on: 'promotion-accepted', to: 'promoting' },
  { from: 'succeeded', on: 'follows', to: 'following' },
  { from: 'succeeded', on: 'attached', to: 'following' },
  { from: 'succeeded', on: 'promotion-accepted', to: 'promoting' },
  { from: 'promoting', on: 'promoted', to: 'open' },
  { from: 'promoting', on: 'promoted', to: 'fenced' },
  { from: 'promoting', on: 'promoted', to: 'succeeded' },
  { from: 'promoting', on: 'told', to: 'open' },
  { from: 'promoting', on: 'told', to: 'following' },
  { from: 'promoting', on: 'told', to: 'fenced' },
  { from: 'promoting', on: 'told', to: 'started' },
  { from: 'promoting', on: 'told', to: 'succeeded' },
  { from: 'promoting', on: 'told', to: 'overtaken' },
  { from: 'overtaken', on: 'newer-epoch', to: 'succeeded' },
  { from: 'overtaken', on: 'attached', to: 'following' },
  { from: 'overtaken', on: 'promotion-accepted', to: 'promoting' },
];

export const isSideRow = (change: { from: Side; on: SideTurn | undefined; to: Side }): boolean =>
  sideRows.some(({ from, on, to }) => from === change.from && on === change.on && to === change.to);

/** The part of a guard's memory (ports.ts) that says what its side is. */
interface Remembered extends Promoting {
  readonly closed: Closed | null;
  readonly followed: number | null;
}

interface Promoting {
  readonly accepted: { readonly epoch: number } | null;
  readonly known: KnownEpoch;
}

export function sideOf(memory: Remembered): Side {
  if (begun(memory)) return 'promoting';
  const { closed, followed } = memory;
  switch (closed?.by) {
    case undefined:
      return followed === null ? 'open' : 'following';
    case 'fence':
      return 'fenced';
    case 'start':
      return 'started';
    case 'newer-epoch':
      return 'succeeded';
    case 'promotion':
      return 'overtaken';
  }
}

/**
 * A promotion was accepted and has not finished: the run can only go forward, even if no controller
 * carries it on.
 */
export function begun({ accepted, known }: Promoting): boolean {
  return accepted !== null && accepted.epoch > known.epoch;
}

import type { Closed, KnownEpoch } from '../messages.ts';
