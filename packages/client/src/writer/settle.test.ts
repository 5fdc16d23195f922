import { expect, test } from 'vitest';
import { positionOf } from '../position.ts';
import type { DatabaseView } from '../read-your-writes/view.ts';
import { settle } from './settle.ts';
import { epochIn, type Known, refusalOf, type Standing } from './standing.ts';

const claim = { timeline: 1, xid: '700', incarnation: 'first' };
const view = (more: Partial<DatabaseView>): DatabaseView => ({
  standby: false,
  timeline: 1,
  timelineAtLeast: 1,
  bytes: 1_000n,
  xid: 'committed',
  switches: 'missing',
  ...more,
});
const checkpoint = { afterRecovery: true, nextXid: 701n };
const row = { epoch: 2n, timeline: 2, position: positionOf(1, '0/64') };

test.each([
  ['the same server: committed', 'first', view({}), checkpoint, 'committed'],
  ['aborted', 'first', view({ xid: 'aborted' }), checkpoint, 'not-committed'],
  ['its session is still there', 'first', view({ xid: 'in-progress' }), checkpoint, 'wait'],
  ['the same, and the newest id', 'first', view({ xid: 'future' }), checkpoint, 'wait'],
  ['crashed, found by recovery', 'second', view({}), checkpoint, 'committed'],
  [
    'crashed, its id given out again',
    'second',
    view({}),
    { afterRecovery: true, nextXid: 700n },
    'not-committed',
  ],
  [
    'crashed, and gone on since',
    'second',
    view({}),
    { afterRecovery: false, nextXid: 900n },
    'unknown',
  ],
  ['crashed, never given out', 'second', view({ xid: 'future' }), checkpoint, 'not-committed'],
  ['crashed, not found', 'second', view({ xid: 'aborted' }), checkpoint, 'not-committed'],
  ['crashed, too old', 'second', view({ xid: 'forgotten' }), checkpoint, 'unknown'],
  [
    'promoted, came over',
    'other',
    view({ timeline: 2, switches: [{ ...row, nextXid: 701n }] }),
    checkpoint,
    'committed',
  ],
  [
    'promoted, did not',
    'other',
    view({ timeline: 2, switches: [{ ...row, nextXid: 700n }] }),
    checkpoint,
    'not-committed',
  ],
  ['promoted, no row yet', 'other', view({ timeline: 2, switches: [] }), checkpoint, 'wait'],
  [
    'promoted, next id not recorded',
    'other',
    view({ timeline: 2, switches: [{ ...row, nextXid: null }] }),
    checkpoint,
    'unknown',
  ],
] as const)('%s', (_, incarnation, seen, last, how) => {
  expect(settle(claim, { view: seen, incarnation, checkpoint: last }).how).toBe(how);
});

const standing = (more: Partial<Standing>): Standing => ({
  readOnly: false,
  timeline: 1,
  epoch: 1n,
  recordedTimeline: null,
  hidden: false,
  incarnation: 'first',
  ...more,
});
const known: Known = { epoch: 1n, timeline: 1 };

test.each([
  ['nothing recorded, nothing known', null, standing({}), null],
  ['nothing recorded, on a later timeline', null, standing({ timeline: 7 }), null],
  ['the same as before', known, standing({}), null],
  ['a standby', null, standing({ readOnly: true }), 'read-only'],
  ['a closed table', null, standing({ hidden: true }), 'hidden'],
  ['promoted, and no table yet', known, standing({ timeline: 2 }), 'not-recorded'],
  [
    'promoted, and the row is of the one before',
    null,
    standing({ timeline: 3, epoch: 2n, recordedTimeline: 2 }),
    'not-recorded',
  ],
  ['promoted and recorded', known, standing({ timeline: 2, epoch: 2n, recordedTimeline: 2 }), null],
  ['an older writer', { epoch: 2n, timeline: 2 }, standing({}), 'older-epoch'],
  [
    'heard of an epoch, its writer',
    { epoch: 2n, timeline: null },
    standing({ timeline: 2, epoch: 2n, recordedTimeline: 2 }),
    null,
  ],
] as const)('W1: %s', (_, before, found, refusal) => {
  expect(refusalOf(before, found)).toBe(refusal);
});

test.each([
  ['{"epoch":3,"region":"west"}', 3n],
  ['{"epoch":"3"}', 3n],
  ['{"fence":true}', 'look'],
  ['{"epoch":"x"}', 'look'],
  ['', 'look'],
] as const)('a notice of %s', (payload, told) => {
  expect(epochIn({ channel: 'throwover_epoch', payload })).toBe(told);
  expect(epochIn({ channel: 'another', payload })).toBeNull();
});
