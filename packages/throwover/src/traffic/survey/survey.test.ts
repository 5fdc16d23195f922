import { describe, expect, test } from 'vitest';
import { cachePolicy } from '../../../../lab/src/dns/behaviour.ts';
import { seededRandom, unscaled } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { ResolverSurvey } from './resolver-survey.ts';
import { sampleOf } from './sample.ts';
import { virtualSurvey } from './virtual.fixture.ts';

const never = new AbortController().signal;
const honest = cachePolicy({ behaviour: 'honest', timeScale: 1 });

/** Twelve virtual hours: longer than any hold here. */
const limitMs = 12 * 3_600_000;

async function findingsOf(options: Omit<Parameters<typeof virtualSurvey>[0], 'clock'>) {
  const clock = createVirtualClock();
  const survey = virtualSurvey({ ...options, clock });
  await clock.until(survey.run(never), limitMs);
  return { ...survey.findings(), finished: survey.finished, tookMs: clock.monotonicMs() };
}

describe('the behaviour and the clamp of a cache that the survey has never seen', () => {
  test.each([
    ['honest', honest, 'honest', null],
    ['clamps 12 s', { ...honest, minimumMs: 12_000 }, 'clamps-minimum', 12],
    ['clamps 5 min', { ...honest, minimumMs: 300_000 }, 'clamps-minimum', 300],
    ['clamps 15 min', { ...honest, minimumMs: 900_000 }, 'clamps-minimum', 900],
    ['prefetches', { ...honest, prefetchShare: 0.1 }, 'prefetches', null],
    ['serves stale on failure', { ...honest, staleMs: 86_400_000 }, 'serves-stale', null],
    [
      'serves stale at once',
      { ...honest, staleMs: 86_400_000, staleAtOnce: true },
      'serves-stale',
      null,
    ],
    [
      'serves stale and clamps',
      { ...honest, minimumMs: 60_000, staleMs: 86_400_000 },
      'serves-stale',
      60,
    ],
  ] as const)('%s', async (_, policy, behaviour, clampSeconds) => {
    const found = await findingsOf({ policy, ttlsSeconds: [5, 60] });
    expect(found).toMatchObject({ behaviour, finished: true, unanswered: 0 });
    if (clampSeconds === null) expect(found.clampSeconds).toBeNull();
    else {
      const off = Math.abs((found.clampSeconds ?? 0) - clampSeconds);
      expect(off).toBeLessThanOrEqual(Math.max(1, 0.05 * clampSeconds));
    }
  });
});

test('a cache that never asks again is named after the longest hold that is waited for', async () => {
  const policy = { ...honest, minimumMs: 30 * 86_400_000 };
  const found = await findingsOf({ policy, ttlsSeconds: [5, 60], longestHoldMs: 3_600_000 });
  expect(found.behaviour).toBe('ignores');
  expect(found.kept[0]).toMatchObject({ unended: 3, keptSeconds: null });
  expect(Math.max(...(found.kept[0]?.holdsMs ?? []))).toBeGreaterThanOrEqual(3_600_000);
});

test('holds are those of the TTLs that were asked for', async () => {
  const { kept } = await findingsOf({ policy: honest, ttlsSeconds: [5, 60] });
  expect(kept.map(({ ttlSeconds, keptSeconds }) => [ttlSeconds, keptSeconds])).toEqual([
    [5, 5],
    [60, 60],
  ]);
  for (const { ttlSeconds, holdsMs } of kept) {
    expect(holdsMs).toHaveLength(3);
    for (const ms of holdsMs) expect(Math.abs(ms - ttlSeconds * 1_000)).toBeLessThan(500);
  }
});

test.each([-3_600_000, 3_600_000])(
  'a server clock that is off by %d ms changes nothing',
  async (behindMs) => {
    const policy = { ...honest, minimumMs: 12_000, staleMs: 86_400_000 };
    const found = await findingsOf({ policy, ttlsSeconds: [5, 60], behindMs });
    expect(found).toMatchObject({ behaviour: 'serves-stale', clampSeconds: 12 });
  },
);

test('several caches behind one address are no prefetching one', async () => {
  const found = await findingsOf({ policy: honest, ttlsSeconds: [5, 60], caches: 3 });
  expect(found).toMatchObject({ behaviour: 'honest', severalCaches: true });
  const clamped = { ...honest, minimumMs: 120_000 };
  const other = await findingsOf({ policy: clamped, ttlsSeconds: [5, 60], caches: 3 });
  expect(other).toMatchObject({ behaviour: 'clamps-minimum', severalCaches: true });
  expect(Math.abs((other.clampSeconds ?? 0) - 120)).toBeLessThanOrEqual(6);
});

test('it is cheap: some hundred queries for a hold of 15 min, and as long as that', async () => {
  const policy = { ...honest, minimumMs: 900_000 };
  const found = await findingsOf({ policy, ttlsSeconds: [5, 60] });
  expect(found.queries).toBeLessThan(900);
  expect(found.tookMs).toBeLessThan(1.35 * 900_000);
});

test('what is known so far is shown, and is not finished', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const policy = { ...honest, minimumMs: 900_000 };
  const survey = virtualSurvey({ policy, clock, ttlsSeconds: [5, 60] });
  const running = survey.run(stop.signal).catch(() => 'stopped');
  await clock.advance(60_000);
  const findings = survey.findings();
  expect(survey.finished).toBe(false);
  expect(findings.kept[0]).toMatchObject({ unended: 3, keptSeconds: null });
  expect(Math.min(...(findings.kept[0]?.holdsMs ?? []))).toBeGreaterThan(50_000);
  const report = {
    resolver: '192.0.2.53:53',
    identity: survey.identity,
    startedWallMs: 0,
    atWallMs: clock.wallMs(),
    finished: false,
    findings,
  };
  const sample = sampleOf(report, { vantage: 'here', timeScale: unscaled, ownTtlSeconds: 60 });
  expect(sample).toMatchObject({ ttlSeconds: 60, trials: 3, finished: false });
  stop.abort();
  expect(await running).toBe('stopped');
});

test('an answer that is lost does not leave a resolver without its identity', async () => {
  const clock = createVirtualClock();
  const survey = virtualSurvey({ policy: honest, clock, ttlsSeconds: [5, 60], lostIdentities: 2 });
  await clock.until(survey.run(never));
  expect(survey.identity).toBe('192.0.2.53');
});

test('a resolver that does not answer is unknown, and does not hold up the survey', async () => {
  const clock = createVirtualClock();
  const silent = {
    ask: async () => ({ outcome: 'none', sentMs: 0, receivedMs: 0, reason: 'etimeout' }) as const,
    identity: async () => null,
    close: () => {},
  };
  const dead = new ResolverSurvey({
    client: silent,
    zone: 'canary.example.test',
    ttlsSeconds: [5, 60],
    longestHoldMs: 1_000,
    clock,
    random: seededRandom(1),
  });
  await clock.until(dead.run(never));
  expect(dead.finished).toBe(true);
  expect(dead.findings()).toMatchObject({ behaviour: 'unknown', clampSeconds: null, kept: [] });
});
