import { expect, test } from 'vitest';
import { dayMs, type Metric, metricOf } from '../records/metrics.ts';
import type { LoggedRecord } from '../records/record-log.ts';
import { type Baseline, baselinesOf, captured } from './baseline.ts';
import { changesOf, parseShare, parseTradeOff, reviewAfterMs, reviewOpen } from './change.ts';
import { againstCreating, againstVerdict, missingToShip } from './change-rules.ts';

const start = Date.UTC(2026, 0, 5);

function metric(name: string): Metric {
  const found = metricOf(name);
  if (found === null) throw new Error(name);
  return found;
}

function baseline(name: string, perDay: number, ofDays = (_: number) => true): Baseline {
  const samples = Array.from({ length: 56 }, (_, day) => day)
    .filter(ofDays)
    .flatMap((day) =>
      Array.from({ length: perDay }, (_, i) => ({
        atWallMs: start + day * dayMs + i,
        value: 10 + i,
      })),
    );
  const body = captured(
    {
      name: 'b',
      metric: metric(name),
      quantile: metric(name).quantile,
      fromWallMs: start,
      weeks: 8,
    },
    samples,
  );
  if (body === null) throw new Error('no sample');
  return { ...body, by: 'ana', atWallMs: start };
}

const records = (...bodies: readonly Record<string, unknown>[]): LoggedRecord[] =>
  bodies.map((body, index) => ({
    seq: index + 1,
    atWallMs: start + index * dayMs,
    service: 's',
    kind: 'change',
    by: 'ana',
    body,
  }));

const created = {
  event: 'created',
  name: 'c',
  hypothesis: 'h',
  metric: 'old-connections',
  baseline: 'b',
  expect: -0.2,
  tradeOffs: [{ kind: 'latency', amount: 3, unit: 'ms', note: '' }],
  drills: 0,
  owner: 'ana',
};
const shipped = { event: 'shipped', name: 'c' };
const measured = {
  verdict: 'unknown',
  change: null,
  interval: null,
  samplesBefore: 1,
  samplesAfter: 0,
  reason: 'r',
};
const reviewed = (verdict: string) => ({
  event: 'reviewed',
  name: 'c',
  verdict,
  measured,
  cost: created.tradeOffs,
  reason: null,
});
const fold = (...bodies: readonly Record<string, unknown>[]) => {
  const change = changesOf(records(...bodies)).get('c');
  if (change === undefined) throw new Error('no change');
  return change;
};

test('a baseline keeps its days, its counts and its quantiles, and is never replaced', () => {
  const kept = baseline('old-connections', 300);
  expect(kept.count).toBe(56 * 300);
  expect(kept.days).toHaveLength(56);
  expect(kept.days[0]).toHaveLength(100);
  expect(kept.quantiles.p50).toBeCloseTo(159.5, 0);
  const { by: _, atWallMs: __, ...body } = kept;
  const both = records(body, { ...body, count: 1 });
  expect(baselinesOf(both).get('b')?.count).toBe(56 * 300);
});

test('the life of a change is a fold over its records', () => {
  expect(fold(created)).toMatchObject({ status: 'draft', reviewDueWallMs: null });
  expect(fold(created, { event: 'amended', name: 'c', panel: 'p' }).panel).toBe('p');
  const inProduction = fold(created, shipped);
  expect(inProduction).toMatchObject({ status: 'shipped', shippedWallMs: start + dayMs });
  const due = start + dayMs + reviewAfterMs;
  expect(reviewOpen(inProduction, due - 1)).toBe(false);
  expect(reviewOpen(inProduction, due)).toBe(true);
  expect(fold(created, shipped, reviewed('reverted'))).toMatchObject({
    status: 'reverted',
    reviewDueWallMs: null,
  });
  const extended = fold(created, shipped, reviewed('extended'));
  expect(extended).toMatchObject({
    status: 'shipped',
    reviewDueWallMs: start + 2 * dayMs + reviewAfterMs,
  });
});

test('what does not follow from what is there changes nothing', () => {
  expect(fold(created, reviewed('kept')).status).toBe('draft');
  expect(fold(created, { ...created, owner: 'bo' }).owner).toBe('ana');
  const retired = { event: 'retired', name: 'c', reason: 'r' };
  expect(fold(created, retired, shipped).status).toBe('retired');
  expect(fold(created, { event: 'invented', name: 'c' }).status).toBe('draft');
});

test.each([
  [
    'the wrong direction',
    'old-connections',
    0.2,
    0,
    baseline('old-connections', 20),
    'effect-wrong',
  ],
  ['more than all', 'old-connections', -1, 0, baseline('old-connections', 20), 'effect-wrong'],
  [
    'a baseline of another metric',
    'warm-up',
    -0.2,
    0,
    baseline('old-connections', 20),
    'baseline-differs',
  ],
  [
    'a sample a quarter',
    'holdover-t99',
    -0.2,
    0,
    baseline('holdover-t99', 1, (day) => day === 3),
    'too-few-samples',
  ],
  [
    'runs enough before, none to come',
    'warm-up',
    -0.2,
    0,
    baseline('warm-up', 1, (day) => day % 11 === 0),
    'too-few-samples',
  ],
  [
    'drills too few',
    'warm-up',
    -0.2,
    4,
    baseline('warm-up', 1, (day) => day % 11 === 0),
    'too-few-samples',
  ],
] as const)('a change is refused: %s', (_, name, expected, drills, base, code) => {
  expect(againstCreating({ expect: expected, drills }, metric(name), base)?.code).toBe(code);
});

test('too few samples: the leading metric and the drills are proposed', () => {
  const rare = baseline('holdover-t99', 1, (day) => day === 3);
  const against = againstCreating({ expect: -0.2, drills: 0 }, metric('holdover-t99'), rare);
  expect(against?.message).toContain('the leading metric is resolver-holdover');
  const some = baseline('warm-up', 1, (day) => day % 11 === 0);
  const without = againstCreating({ expect: -0.2, drills: 0 }, metric('warm-up'), some);
  expect(without?.message).toContain('hold 5 drills before the review');
  expect(againstCreating({ expect: -0.2, drills: 5 }, metric('warm-up'), some)).toBeNull();
});

test('it ships only when a panel, a step, a task and an owner are there', () => {
  const facts = {
    panels: new Map([
      ['p', 'old-connections'],
      ['q', 'warm-up'],
    ]),
    steps: ['flip'],
    onCall: ['ana'],
  };
  const whole = { metric: 'old-connections', panel: 'p', step: 'flip', task: 't', owner: 'ana' };
  expect(missingToShip(whole, facts)).toEqual([]);
  expect(missingToShip({ metric: 'old-connections' }, facts)).toHaveLength(4);
  for (const wrong of [{ panel: 'q' }, { panel: 'x' }, { step: 'x' }, { owner: 'bo' }]) {
    expect(missingToShip({ ...whole, ...wrong }, facts)).toHaveLength(1);
  }
});

test('a verdict is due, by its owner, and never keeps without evidence or a reason', () => {
  const change = fold(created, shipped);
  const due = start + dayMs + reviewAfterMs;
  const seen = {
    verdict: 'no-difference' as const,
    before: 1,
    after: 1,
    change: 0,
    interval: [-0.1, 0.1] as const,
    samples: { before: 9, after: 9 },
    blocks: { before: 9, after: 9 },
    reason: null,
  };
  const good = { verdict: 'kept', by: 'ana', reason: 'it is simpler', nowWallMs: due };
  expect(againstVerdict(change, good, seen)).toBeNull();
  const code = (more: object, what = seen as Parameters<typeof againstVerdict>[2]) =>
    againstVerdict(change, { ...good, ...more }, what)?.code;
  expect(code({ nowWallMs: due - 1 })).toBe('review-not-due');
  expect(code({ by: 'bo' })).toBe('not-the-owner');
  expect(code({ reason: null })).toBe('kept-without-evidence');
  expect(code({ reason: null }, { ...seen, verdict: 'improved' })).toBeUndefined();
  expect(code({ reason: null, verdict: 'extended' })).toBeUndefined();
  expect(againstVerdict(fold(created), good, seen)?.code).toBe('change-state-wrong');
});

test.each([
  [
    'latency=3 ms: a second lookup',
    { kind: 'latency', amount: 3, unit: 'ms', note: 'a second lookup' },
  ],
  ['money=40.5 usd a month', { kind: 'money', amount: 40.5, unit: 'usd a month', note: '' }],
  ['none', null],
  ['complexity=none', null],
  ['latency=0 ms', null],
  ['joy=3 smiles', null],
  ['latency=3', null],
])('the trade-off "%s"', (text, read) => {
  expect(parseTradeOff(text)).toEqual(read);
});

test('a share', () => {
  expect(['-20%', '+5 %', '20', 'none'].map(parseShare)).toEqual([-0.2, 0.05, null, null]);
});
