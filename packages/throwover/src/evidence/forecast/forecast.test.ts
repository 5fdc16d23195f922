import { expect, test } from 'vitest';
import { seededRandom } from '../../kernel/kernel.ts';
import { drawnQuantile, measuredQuantile } from './bounded.ts';
import { holdoverFacts } from './facts.ts';
import { type ForecastFacts, forecast } from './forecast.ts';
import { holdoverDraws } from './holdover.ts';
import {
  before,
  leftAt,
  type Played,
  play,
  population,
  populationTtlSeconds,
  untilFlipMs,
} from './population.fixture.ts';
import { calibrationOf, scoreForecast } from './score.ts';

const untilFlipLifeMs = Array.from({ length: 20 }, (_, n) => untilFlipMs(900 + n));
const options = { ttlSeconds: populationTtlSeconds, from: 'east', untilFlipLifeMs };

/**
 * Rounds, each with its own mix of clients; only earlier rounds give facts about runtime caches.
 */
function rounds(count: number, loosened: boolean) {
  const curves: Played['curve'][] = [];
  for (let seed = 900; seed < 905; seed++) {
    curves.unshift(play(population(seed), seed, { loosened }).curve);
  }
  const scores = [];
  const causes: Record<string, Record<string, number>> = {};
  for (let round = 1; round <= count; round++) {
    const people = population(round);
    const holdover = holdoverFacts(before(people, round, curves), {
      ...options,
      left: leftAt(people, round + 5_000),
    });
    const facts: ForecastFacts = { stages: [], holdover, forwarding: loosened };
    const made = forecast(facts, seededRandom(round));
    const played = play(people, round + 5_000, { loosened });
    const sample = {
      ...made,
      runId: `run_${round}`,
      atWallMs: round,
      kind: 'switchover',
      seed: round,
      approveMs: null,
    };
    scores.push(scoreForecast(sample, played.curve, round));
    for (const [cause, row] of Object.entries(played.causes)) {
      for (const [said, requests] of Object.entries(row)) {
        causes[cause] ??= {};
        causes[cause][said] = (causes[cause][said] ?? 0) + requests;
      }
    }
    curves.unshift(played.curve);
  }
  return { scores, causes };
}

test.each([
  { title: 'doors that loosen connections', loosened: true },
  { title: 'connections that live on', loosened: false },
])('thirty mixes of resolvers, pools and runtimes: $title', ({ loosened }) => {
  const { scores } = rounds(30, loosened);
  const [t90, t99] = [calibrationOf(scores, 't90'), calibrationOf(scores, 't99')];

  expect(t90.count).toBe(30);
  expect(t90.medianError).toBeLessThanOrEqual(0.1);
  expect(t99.medianError).toBeLessThanOrEqual(0.2);
  expect(t90.inside).toBeGreaterThanOrEqual(24);
  expect(t99.inside).toBeGreaterThanOrEqual(24);
});

test('a quantile needs 1/(1-q) samples, else it is at least the largest; below three it is unknown', () => {
  expect(measuredQuantile([1, 2], 0.5)).toEqual({ lifeMs: null, atLeast: false });
  expect(measuredQuantile([1, 2, 3], 0.5)).toEqual({ lifeMs: 2, atLeast: false });
  const nineteen = Array.from({ length: 19 }, (_, n) => n);
  expect(measuredQuantile(nineteen, 0.95)).toEqual({ lifeMs: 18, atLeast: true });
  expect(measuredQuantile([...nineteen, 19], 0.95)).toEqual({ lifeMs: 18.05, atLeast: false });
});

test('a drawn world that never came so far counts as later than all', () => {
  expect(drawnQuantile([null, 5, null, 1], 0.5)).toEqual({ lifeMs: 5, atLeast: false });
  expect(drawnQuantile([null, 5, null, 1], 0.95)).toEqual({ lifeMs: 5, atLeast: true });
  expect(drawnQuantile([null, null], 0.5)).toEqual({ lifeMs: null, atLeast: false });
});

const lifeOf = ({ lifeMs }: { readonly lifeMs: number | null }) => lifeMs ?? 0;
const stage = (name: 'fence' | 'promote' | 'flip', samplesLifeMs: readonly number[]) => ({
  ...{ stage: name, samplesLifeMs, ageMs: 0 },
});
const people = population(1);
const nothing = { resolvers: [], beacons: [], connections: [], curves: [] };
const asked = { ...options, left: leftAt(people, 1) };
const many = Array.from({ length: 20 }, () => 1_000);

test('a stage that nobody has measured makes the total "at least", never nothing', () => {
  const curves = [1, 2, 3].map((seed) => play(people, seed, { loosened: true }).curve);
  const holdover = holdoverFacts(before(people, 1, curves), asked);
  const of = (fence: readonly number[], promote = many) => {
    const stages = [stage('fence', fence), stage('promote', promote), stage('flip', many)];
    return forecast({ stages, holdover, forwarding: true }, seededRandom(1)).rto.t99.p50;
  };
  expect(of(many)).toEqual({ lifeMs: 2_000, atLeast: false });
  expect(of([500, 500])).toEqual({ lifeMs: 1_000, atLeast: true });
  expect(of([], [])).toEqual({ lifeMs: null, atLeast: false });
});

test('without forwarding the holdover is part of it; with it, stragglers are served', () => {
  const holdover = holdoverFacts(before(people, 1), asked);
  const stages = [stage('fence', many), stage('flip', many)];
  const of = (forwarding: boolean) =>
    forecast({ stages, holdover, forwarding }, seededRandom(1)).rto.t90.p50.lifeMs ?? 0;
  expect(of(true)).toBe(1_000);
  expect(of(false)).toBeGreaterThan(60_000);
});

test('two earlier runs tell no moment of the flip: caches are met at any, whatever they say to be left', () => {
  const holdover = holdoverFacts(before(people, 1), asked);
  const spread = (runs: number) => {
    const facts = { ...holdover, untilFlipLifeMs: Array.from({ length: runs }, () => 1_000) };
    const { p5, p95 } = forecast({ stages: [], holdover: facts, forwarding: true }, seededRandom(1))
      .holdover.t90;
    return (p95.lifeMs ?? 0) - (p5.lifeMs ?? 0);
  };
  expect(spread(2)).toEqual(spread(0));
  expect(spread(2)).toBeGreaterThan(spread(3));
});

test('between three moments of the flip that were seen there are others', () => {
  const holdover = holdoverFacts(before(people, 1), asked);
  const drawn = (untilFlipLifeMs: readonly number[]) => {
    const draw = holdoverDraws({ ...holdover, untilFlipLifeMs }, { loosened: true });
    const random = seededRandom(1);
    // The first resolver's crowd; nothing else is drawn for it, because there are no runtimes.
    return new Set(Array.from({ length: 50 }, () => Math.min(...draw(random).map(lifeOf))));
  };
  expect(drawn([60_000, 60_000, 60_000]).size).toBe(1);
  expect(drawn([60_000, 90_000, 150_000]).size).toBeGreaterThan(10);
});

test('with nothing measured everything is unknown, and says why', () => {
  const holdover = holdoverFacts(nothing, asked);
  const made = forecast(
    { stages: [stage('flip', [])], holdover, forwarding: false },
    seededRandom(1),
  );
  expect(made).toMatchObject({ weights: 'unknown', residualShare: null });
  expect(made.rto.t50.p50).toEqual({ lifeMs: null, atLeast: false });
  expect(made.missing.join('; ')).toMatch(/flip \(n=0\).*no beacon.*no front door.*0 of the three/);
});

test('clients behind a resolver that no survey has finished are the residual share', () => {
  const { resolvers, ...rest } = before(people, 1);
  const [gone] = people.clients;
  const surveyed = resolvers.filter(({ identity }) => identity !== gone?.resolver.identity);
  const behind = rest.beacons.filter(({ resolver }) => resolver === gone?.resolver.identity);
  const sum = (some: readonly { count: number }[]) =>
    some.reduce((all, { count }) => all + count, 0);
  const made = forecast(
    {
      stages: [],
      holdover: holdoverFacts({ ...rest, resolvers: surveyed }, asked),
      forwarding: false,
    },
    seededRandom(1),
  );
  expect(made.residualShare).toBeCloseTo(sum(behind) / sum(rest.beacons));
  expect(made.holdover.t99.p95.atLeast).toBe(true);
});

test('the same facts and dice give the same forecast, in whatever order the log has them', () => {
  const evidence = before(people, 1);
  const of = (given: typeof evidence) =>
    forecast(
      { stages: [], holdover: holdoverFacts(given, asked), forwarding: false },
      seededRandom(7),
    );
  const turned = {
    ...evidence,
    resolvers: evidence.resolvers.toReversed(),
    beacons: evidence.beacons.toReversed(),
  };
  expect(of(turned)).toEqual(of(evidence));
});

test('calibration leaves out runs of which one side is unknown', () => {
  const one = { predictedLifeMs: 110, lowLifeMs: 90, highLifeMs: 130, measuredLifeMs: 100 };
  const score = (inside: boolean | null) => {
    const of = { ...one, inside };
    return { runId: 'run_1', atWallMs: 1, t50: of, t90: of, t99: of };
  };
  expect(calibrationOf([score(true), score(null), score(false)], 't90')).toEqual({
    ...{ count: 2, inside: 1 },
    medianError: expect.closeTo(0.1),
  });
});
