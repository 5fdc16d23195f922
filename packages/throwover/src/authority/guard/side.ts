/** The states of a database in its pair, as its guard remembers it. It is always in exactly one. */
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

/** The causes that change the state of a side. */
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

/** Every change of a side, by its cause and its result. Tests and simulation fail on another one. */
const changes: readonly (readonly [on: SideTurn, to: Side, from: readonly Side[]])[] = [
  ['fence', 'fenced', ['open', 'following', 'started']],
  ['unfence', 'open', ['fenced', 'started']],
  ['started', 'started', ['open', 'following']],
  ['vouched-for', 'open', ['started']],
  ['newer-epoch', 'succeeded', ['open', 'following', 'fenced', 'started', 'overtaken']],
  ['follows', 'following', ['open', 'fenced', 'started', 'succeeded']],
  ['attach', 'open', ['following']],
  ['attached', 'following', ['open', 'fenced', 'started', 'succeeded', 'overtaken']],
  ['adopted', 'open', ['following', 'started']],
  [
    'promotion-accepted',
    'promoting',
    ['open', 'following', 'fenced', 'started', 'succeeded', 'overtaken'],
  ],
  ['promoted', 'open', ['promoting']],
  ['promoted', 'fenced', ['promoting']],
  ['promoted', 'succeeded', ['promoting']],
  ['told', 'open', ['promoting']],
  ['told', 'following', ['promoting']],
  ['told', 'fenced', ['promoting']],
  ['told', 'started', ['promoting']],
  ['told', 'succeeded', ['promoting']],
  ['told', 'overtaken', ['promoting']],
];

export const sideRows = changes.flatMap(([on, to, sources]) =>
  sources.map((from) => ({ from, on, to })),
);

export const isSideRow = (change: { from: Side; on: SideTurn | undefined; to: Side }): boolean =>
  sideRows.some(({ from, on, to }) => from === change.from && on === change.on && to === change.to);

export function sideOf(
  memory: Pick<GuardMemory, 'accepted' | 'known' | 'closed' | 'followed'>,
): Side {
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
export function begun({ accepted, known }: Pick<GuardMemory, 'accepted' | 'known'>): boolean {
  return accepted !== null && accepted.epoch > known.epoch;
}

import type { GuardMemory } from '../messages.ts';
