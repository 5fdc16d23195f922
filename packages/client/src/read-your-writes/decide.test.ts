import { expect, test } from 'vitest';
import { positionOf } from '../position.ts';
import { decide, type Reason, verdicts } from './decide.ts';
import type { Token } from './token.ts';
import type { DatabaseView, Switch, XidStatus } from './view.ts';

const token = (timeline: number, lsn: number, xid: string | null = '700'): Token => ({
  position: positionOf(timeline, `0/${lsn.toString(16)}`),
  xid,
});
/**
 * Timeline 1 was left at 100 for timeline 2, which had heard of ids below 750; 2 was left at 300
 * for 3.
 */
const switches: Switch[] = [
  { epoch: 3n, timeline: 3, position: positionOf(2, '0/12C'), nextXid: 900n },
  { epoch: 2n, timeline: 2, position: positionOf(1, '0/64'), nextXid: 750n },
];
const primary = (timeline: number, more: Partial<DatabaseView> = {}): DatabaseView => ({
  standby: false,
  timeline,
  timelineAtLeast: timeline,
  bytes: 1_000n,
  xid: 'committed',
  switches,
  ...more,
});
const standby = (timeline: number | null, more: Partial<DatabaseView> = {}): DatabaseView => ({
  ...primary(timeline ?? 1, more),
  standby: true,
  timeline,
  timelineAtLeast: more.timelineAtLeast ?? timeline ?? 1,
});

test.each<[string, Token, DatabaseView, Reason]>([
  // The primary, on the token's timeline: the id decides.
  ['committed', token(3, 999), primary(3), 'committed'],
  ['rolled back', token(3, 999), primary(3, { xid: 'aborted' }), 'aborted'],
  ['not ended', token(3, 999), primary(3, { xid: 'in-progress' }), 'in-progress'],
  ['the newest, not ended', token(3, 999), primary(3, { xid: 'future' }), 'in-progress'],
  ['an old id', token(3, 999), primary(3, { xid: 'forgotten' }), 'replayed'],
  ['no id', token(3, 1_000, null), primary(3, { xid: null }), 'replayed'],
  ['behind itself', token(3, 1_001, null), primary(3, { xid: null }), 'history-differs'],
  // The primary, on another timeline.
  ['an old primary', token(4, 1), primary(3), 'older-timeline'],
  ['before the switch', token(1, 99), primary(3), 'before-switch'],
  ['at the switch', token(1, 100), primary(3, { xid: 'aborted' }), 'before-switch'],
  ['past it, never heard of', token(1, 101, '750'), primary(3), 'beyond-switch'],
  ['past it, and committed before', token(1, 101, '749'), primary(3), 'committed'],
  ['past it, no end', token(1, 101, '749'), primary(3, { xid: 'aborted' }), 'aborted'],
  ['prepared', token(1, 101), primary(3, { xid: 'in-progress' }), 'still-prepared'],
  ['past it, too old', token(1, 101), primary(3, { xid: 'forgotten' }), 'too-old'],
  ['past it, no id', token(1, 101, null), primary(3, { xid: null }), 'no-transaction-id'],
  ['the second switch', token(2, 301, '900'), primary(3), 'beyond-switch'],
  ['the second switch, by id', token(2, 301, '899'), primary(3), 'committed'],
  ['ids of 64 bits', token(2, 301, '10000000000'), primary(3), 'beyond-switch'],
  ['no row', token(1, 99), primary(3, { switches: [] }), 'switch-not-recorded'],
  ['no table', token(1, 99), primary(3, { switches: 'missing' }), 'switch-not-recorded'],
  ['a closed table', token(1, 99), primary(3, { switches: 'hidden' }), 'promotions-hidden'],
  // The standby, whose receiver's timeline is visible.
  ['replayed', token(3, 1_000), standby(3, { xid: 'future' }), 'replayed'],
  ['not replayed', token(3, 1_001), standby(3, { xid: 'future' }), 'not-replayed'],
  ['commit replayed, bound not', token(3, 1_001), standby(3), 'committed'],
  ['an end that is none here', token(3, 1_001), standby(3, { xid: 'aborted' }), 'not-replayed'],
  ['not followed yet', token(4, 1), standby(3), 'older-timeline'],
  ['followed, row not here', token(1, 1), standby(2, { switches: [] }), 'switch-not-replayed'],
  ['came over', token(1, 100), standby(2), 'before-switch'],
  ['did not', token(1, 101, '750'), standby(2), 'beyond-switch'],
  ['known, committed', token(1, 101), standby(2), 'committed'],
  ['known, not so', token(1, 101), standby(2, { xid: 'aborted' }), 'ask-the-writer'],
  ['known, open', token(1, 101), standby(2, { xid: 'in-progress' }), 'ask-the-writer'],
  // The standby, whose timeline this role does not see: a position proves nothing.
  ['unseen, committed', token(1, 1), standby(null, { switches: 'missing' }), 'committed'],
  [
    'unseen, position past it, id not here',
    token(1, 1),
    standby(null, { switches: [], xid: 'future' }),
    'not-replayed',
  ],
  [
    'unseen, no id',
    token(1, 1, null),
    standby(null, { switches: [], xid: null }),
    'timeline-hidden',
  ],
  [
    'unseen, no id, and not there yet',
    token(1, 1_001, null),
    standby(null, { switches: [], xid: null }),
    'not-replayed',
  ],
  ['unseen, a row of it', token(3, 1), standby(null), 'committed'],
  ['unseen, of none', token(4, 1), standby(null), 'older-timeline'],
  [
    'unseen, by the control file',
    token(7, 1),
    standby(null, { switches: 'missing', timelineAtLeast: 7 }),
    'committed',
  ],
  ['unseen, left', token(1, 101, '750'), standby(null), 'beyond-switch'],
  ['unseen, closed table', token(1, 1), standby(null, { switches: 'hidden' }), 'promotions-hidden'],
])('%s', (_, written, view, reason) => {
  expect(decide(written, view)).toBe(reason);
});

test('a row without the next id decides nothing past its switch', () => {
  const view = primary(3, { switches: switches.map((row) => ({ ...row, nextXid: null })) });
  expect(decide(token(1, 101), view)).toBe('no-next-transaction-id');
  expect(decide(token(1, 100), view)).toBe('before-switch');
});

test('two rows that disagree on where a timeline was left decide nothing; two that agree do', () => {
  const [, row] = switches;
  if (row === undefined) throw new Error('no row');
  const again: Switch = { ...row, epoch: 4n };
  const other: Switch = { ...again, position: positionOf(1, '0/10') };
  expect(decide(token(1, 99), primary(3, { switches: [other, row] }))).toBe('history-ambiguous');
  expect(decide(token(1, 99), primary(3, { switches: [again, row] }))).toBe('before-switch');
});

/** All combinations, checked against the definition and not against the code's own path. */
test('lost is said only past a switch that is recorded, or of an id that the primary says is aborted', () => {
  const statuses: (XidStatus | null)[] = [
    'committed',
    'aborted',
    'in-progress',
    'future',
    'forgotten',
    null,
  ];
  const rows = [switches, switches.slice(1), [], 'missing', 'hidden'] as const;
  let lost = 0;
  for (const wanted of [1, 2, 3])
    for (const lsn of [99, 100, 101, 299, 301, 1_001])
      for (const id of ['749', '750', '899', '900', null])
        for (const xid of statuses)
          for (const view of [
            ...[1, 2, 3].flatMap((at) => rows.map((r) => primary(at, { xid, switches: r }))),
            ...[1, 2, 3, null].flatMap((at) => rows.map((r) => standby(at, { xid, switches: r }))),
          ]) {
            const written = token(wanted, lsn, id);
            if (verdicts[decide(written, view)] !== 'lost') continue;
            lost++;
            const row = Array.isArray(view.switches)
              ? view.switches.find(({ position }: Switch) =>
                  position.startsWith(`0000000${wanted}`),
                )
              : undefined;
            const pastSwitch =
              row !== undefined &&
              written.position > row.position &&
              id !== null &&
              BigInt(id) >= row.nextXid;
            expect(pastSwitch || (!view.standby && xid === 'aborted')).toBe(true);
            expect(xid === 'committed' && !pastSwitch).toBe(false);
          }
  expect(lost).toBeGreaterThan(100);
});
