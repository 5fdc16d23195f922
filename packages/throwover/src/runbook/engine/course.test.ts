import { expect, test } from 'vitest';
import type { JournalEvent } from '../../store/store.ts';
import { type Course, courseRows, courses, type Turning, turnings } from './course.ts';
import { Progress } from './progress.ts';

/** A run that arms, fences and promotes; the fence holds for its controller only. */
const steps = [
  { name: 'arm' },
  { name: 'fence', holdsForController: true },
  { name: 'promote', noReturn: true },
] as const;

const mandate: JournalEvent = { type: 'mandate', by: 'alice', digest: 'd', overrides: [] };
const intent = (step: string): JournalEvent => ({ type: 'intent', step, observed: {} });
const outcome = (step: string): JournalEvent => ({
  ...{ type: 'outcome', step, result: 'acted', evidence: {}, durationMs: 1, kind: 'machine' },
});
const takenOver: JournalEvent = { type: 'taken-over', by: 'bob' };
const failed = (step: string, turnedBack?: true): JournalEvent => ({
  type: 'step-failed',
  step,
  error: {
    ...{ code: 'x', message: 'x', disposition: 'stop', notLost: 'x', remedy: 'x', evidence: {} },
  },
  durationMs: 1,
  ...(turnedBack && { turnedBack }),
});

/** Records that lead to each course, as the engine writes them. */
const ways: Readonly<Record<Course, readonly JournalEvent[]>> = {
  unapproved: [],
  forward: [mandate, intent('arm'), outcome('arm'), outcome('fence')],
  'past-no-return': [mandate, outcome('fence'), intent('promote')],
  'held-by-earlier': [mandate, outcome('fence'), intent('promote'), takenOver],
  back: [mandate, intent('arm'), failed('arm')],
};

/** Passes each cause to a `Progress`. */
const signs: Readonly<Record<Turning, (progress: Progress) => void>> = {
  mandate: (progress) => progress.note(mandate),
  replanned: (progress) =>
    progress.note({
      type: 'replanned',
      kind: 'failover',
      by: 'bob',
      digest: 'e',
      plan: {},
      overrides: [],
    }),
  'no-return-requested': (progress) => progress.note(intent('promote')),
  'no-return-done': (progress) => progress.note(outcome('promote')),
  'turned-back': (progress) => progress.note(failed('promote', true)),
  'step-failed': (progress) => progress.note(failed('arm')),
  'abort-requested': (progress) =>
    progress.note({ type: 'abort-requested', by: 'bob', reason: 'wrong day' }),
  undo: (progress) => progress.note({ type: 'undo-intent', step: 'arm' }),
  'taken-over': (progress) => progress.note(takenOver),
  'seen-pending': (progress) => progress.dropHeld(),
};

const cases = Object.keys(courses).flatMap((from) =>
  Object.keys(turnings).map((on) => [from, on] as const),
) as readonly (readonly [Course, Turning])[];

/** What the engine never writes: nothing is requested of a run that is not approved, or that is being taken back. */
const impossible = ([from, on]: readonly [Course, Turning]) =>
  ((from === 'unapproved' || from === 'back') && on.startsWith('no-return')) ||
  (from !== 'past-no-return' && from !== 'held-by-earlier' && on === 'turned-back') ||
  ((from === 'past-no-return' || from === 'held-by-earlier') && on === 'replanned');

test.each(cases.filter((one) => !impossible(one)))('%s, %s: as the rows say', (from, on) => {
  const progress = new Progress(steps);
  for (const event of ways[from]) progress.note(event);
  expect(progress.course).toBe(from);
  signs[on](progress);
  const row = courseRows.find((one) => one.from === from && one.on === on);
  expect(progress.course).toBe(row?.to ?? from);
});

test('every row belongs to something that the engine can write', () => {
  for (const { from, on } of courseRows)
    expect(impossible([from, on]), `${from}, ${on}`).toBe(false);
});
