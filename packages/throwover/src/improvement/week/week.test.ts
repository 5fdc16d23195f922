import { expect, test } from 'vitest';
import { dayMs } from '../../records/metrics.ts';
import { type AuditFacts, audit } from '../audit.ts';
import { auditJson } from '../audit-formats.ts';
import { type Change, reviewAfterMs } from '../change.ts';
import { weekOf } from './week.ts';

const start = Date.UTC(2026, 0, 5);
const change = (more: Partial<Change>): Change => ({
  name: 'c',
  hypothesis: 'h',
  metric: 'warm-up',
  baseline: 'b',
  expect: -0.2,
  tradeOffs: [],
  drills: 0,
  owner: 'ana',
  panel: 'p',
  step: 'flip',
  task: 'Look',
  status: 'shipped',
  by: 'ana',
  createdWallMs: start,
  shippedWallMs: start,
  reviewDueWallMs: start + reviewAfterMs,
  reviews: [],
  retired: null,
  ...more,
});
/** Facts where everything is in order, except what a test changes. */
const facts = (nowWallMs: number, changes: readonly Change[]): AuditFacts => ({
  nowWallMs,
  subjects: [],
  changes,
  onCall: ['ana'],
  panels: new Map([['p', { metric: 'warm-up', freshMs: null }]]),
  newestSample: new Map([['warm-up', nowWallMs]]),
  stepRan: new Map([['flip', nowWallMs]]),
  taskDone: new Map([['change c', [{ by: 'ana', atWallMs: nowWallMs }]]]),
  practice: { drills: null, findings: [], printed: [] },
});
const open = (given: AuditFacts) => weekOf(given).filter(({ done }) => !done);
const due = start + reviewAfterMs;

test('a review stands in the week before it opens and until it is answered; then it is a slide', () => {
  const at = (nowWallMs: number) => facts(nowWallMs, [change({})]);
  expect(open(at(due - 8 * dayMs))).toEqual([]);
  expect(open(at(due - 6 * dayMs))).toMatchObject([
    { person: 'ana', what: 'Review the change c', dueWallMs: due + 7 * dayMs },
  ]);
  expect(open(at(due + dayMs))[0]?.why).toBe('shipped 2026-01-05; its review opened 2026-02-04');
  expect(audit(at(due + 7 * dayMs)).slides).toEqual([]);
  expect(audit(at(due + 7 * dayMs + 1)).slides).toEqual(['change c']);
});

test('a change that is no longer in use asks for nothing', () => {
  for (const status of ['reverted', 'retired'] as const) {
    const given = facts(due + 30 * dayMs, [change({ status, reviewDueWallMs: null })]);
    expect(weekOf(given)).toEqual([]);
    expect(audit(given).lines).toEqual([]);
  }
});

test('a draft that lies for two weeks is shipped or retired', () => {
  const draft = change({ status: 'draft', shippedWallMs: null, reviewDueWallMs: null });
  expect(open(facts(start + 14 * dayMs, [draft]))).toEqual([]);
  expect(open(facts(start + 15 * dayMs, [draft]))).toMatchObject([
    { person: 'ana', how: 'throwover change ship c' },
  ]);
});

test('steps that wait for one rehearsal are one task', () => {
  const given = { ...facts(start, [change({}), change({ name: 'd' })]), stepRan: new Map() };
  const rehearsals = open(given).filter(({ what }) => what === 'Rehearse a switch');
  expect(rehearsals).toHaveLength(1);
  expect(rehearsals[0]?.why).toContain('change c: flip has not run');
  expect(rehearsals[0]?.why).toContain('change d: flip has not run');
});

test('a task is a command where a command measures, else a sentence', () => {
  const stale = { ...facts(start, [change({})]), newestSample: new Map<string, number>() };
  expect(open(stale)).toMatchObject([
    { what: 'Rehearse a switch', how: 'throwover switchover --to REGION', command: true },
  ]);
  const panels = new Map([['p', { metric: 'resolver-holdover', freshMs: null }]]);
  expect(open({ ...stale, panels })).toMatchObject([
    { what: 'Measure again', how: 'throwover dns survey', command: true },
  ]);
  const named = change({ name: 'throwover', panel: 'gone' });
  expect(open(facts(start, [named])).filter(({ key }) => key.startsWith('stale'))).toMatchObject([
    { what: 'Name a panel', how: 'declare it under evidence.panels in throwover.yaml' },
  ]);
});

test('the JSON of the operating test says in a text what to do', () => {
  const stale = { ...facts(start, [change({})]), newestSample: new Map<string, number>() };
  const { lines } = auditJson(audit(stale)) as { lines: readonly { todo: unknown }[] };
  expect(lines.map(({ todo }) => todo)).toEqual([
    'throwover switchover --to REGION',
    ...[null, null, null],
  ]);
});
