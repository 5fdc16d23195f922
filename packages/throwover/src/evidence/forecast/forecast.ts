import type { Random } from '../../kernel/kernel.ts';
import type { Bounded, EvidenceSample, Predicted } from '../../records/records.ts';
import { drawnQuantile, fewestSamples, measuredQuantile, samplesFor, unknown } from './bounded.ts';
import { type HoldoverFacts, holdoverDraws, lastKnown, movedAt } from './holdover.ts';
import { type Stage, stagesBeforeFlip } from './stages.ts';

/** Number of random draws: chance then moves a quantile by at most about two percentage points of rank. */
const worlds = 1_000;

export const shares = { t50: 0.5, t90: 0.9, t99: 0.99 } as const;
export type ShareName = keyof typeof shares;

/** The measurements of one stage, life ms. */
export interface StageFacts {
  readonly stage: Stage;
  readonly samplesLifeMs: readonly number[];
  /** Age of the newest sample, ms; `null` when there is none. */
  readonly ageMs: number | null;
}

export interface ForecastFacts {
  /** Stages of this kind of run, as far as they are known; a stage without samples is unknown. */
  readonly stages: readonly StageFacts[];
  readonly holdover: HoldoverFacts;
  /** Whether the old region is alive and its doors forward the requests that still arrive there. */
  readonly forwarding: boolean;
}

export interface StageFigures {
  readonly stage: Stage;
  readonly p50: Bounded;
  readonly p95: Bounded;
  readonly p99: Bounded;
  readonly count: number;
  readonly ageMs: number | null;
}

export interface Forecast
  extends Pick<EvidenceSample<'forecast'>, 'holdover' | 'rto' | 'residualShare' | 'weights'> {
  readonly stages: readonly StageFigures[];
  /** Text for people: why figures are "at least", or unknown. */
  readonly missing: readonly string[];
}

/**
 * Predicts the time until traffic is served, from the stages of a run up to the flip and from how
 * long clients keep the old answer, by drawing from measurements. A stage with fewer than three
 * samples adds nothing, and the totals that contain it are "at least". Pure: the same facts and random numbers give the same forecast.
 */
export function forecast(facts: ForecastFacts, random: Random): Forecast {
  const { holdover, forwarding } = facts;
  const stages = facts.stages.map(figuresOf);
  const after = holdoverDraws(holdover, { loosened: forwarding });
  const drawn = Array.from({ length: worlds }, () => ({
    ...untilFlip(facts, random),
    moved: after(random),
  }));
  const missing = missingOf(facts);
  const unmeasured = (before: (stage: Stage) => boolean) =>
    facts.stages.some(
      ({ stage, samplesLifeMs }) => before(stage) && samplesLifeMs.length < fewestSamples,
    );
  const measured = (among: (stage: Stage) => boolean) =>
    facts.stages.some(
      ({ stage, samplesLifeMs }) => among(stage) && samplesLifeMs.length >= fewestSamples,
    );
  const thin = facts.stages.some(
    ({ stage, samplesLifeMs }) => onPath(stage) && samplesLifeMs.length < samplesFor(0.95),
  );
  // An unmeasured part can only make the time longer.
  const unheard = !forwarding && holdover.pinned === null;
  const unseen = unheard || holdover.runtimes.length < fewestSamples;
  const holdoverOf = (share: number): Predicted => {
    if (holdover.count < fewestSamples) return { p5: unknown, p50: unknown, p95: unknown };
    const draws = drawn.map(({ moved }) => movedAt(moved, share));
    const least = drawn.map(({ moved }) => lastKnown(moved));
    return predicted(draws, least, () => unseen || holdover.count < samplesFor(share));
  };
  const rtoOf = (share: number): Predicted => {
    const waits = !forwarding;
    // "At least nothing" would carry no information.
    const silent = waits ? holdover.count < fewestSamples : !measured(isUntilForward);
    if (silent) return { p5: unknown, p50: unknown, p95: unknown };
    const draws = drawn.map(({ flippedMs, forwardedMs, moved }) => {
      if (forwardedMs !== null) return forwardedMs;
      const movedMs = movedAt(moved, share);
      return movedMs === null ? null : flippedMs + movedMs;
    });
    const least = drawn.map(({ flippedMs, moved }) => flippedMs + (lastKnown(moved) ?? 0));
    const open = unmeasured((stage) => (waits ? onPath(stage) : isUntilForward(stage)));
    const holds = waits && (unseen || holdover.count < samplesFor(share));
    return predicted(draws, least, (q) => open || holds || (q === 0.95 && thin));
  };
  return {
    stages,
    holdover: eachShare(holdoverOf),
    rto: eachShare(rtoOf),
    residualShare: residualOf(holdover),
    weights: holdover.weights,
    missing,
  };
}

/**
 * Draws the time from the first act until the flip is read back, and until the old region forwards
 * (`null`: it does not), life ms.
 */
function untilFlip({ stages, forwarding }: ForecastFacts, random: Random) {
  let flippedMs = 0;
  let forwardedMs = 0;
  for (const { stage, samplesLifeMs } of stages) {
    if (!onPath(stage) || samplesLifeMs.length < fewestSamples) continue;
    const ms = random.pick(samplesLifeMs);
    flippedMs += ms;
    if (isUntilForward(stage)) forwardedMs += ms;
  }
  return { flippedMs, forwardedMs: forwarding ? forwardedMs : null };
}

const onPath = (stage: Stage) => (stagesBeforeFlip as readonly Stage[]).includes(stage);
const isUntilForward = (stage: Stage) => onPath(stage) && stage !== 'flip';

function figuresOf({ stage, samplesLifeMs, ageMs }: StageFacts): StageFigures {
  const q = (at: number) => measuredQuantile(samplesLifeMs, at);
  return { stage, p50: q(0.5), p95: q(0.95), p99: q(0.99), count: samplesLifeMs.length, ageMs };
}

/** `least`: the time that has certainly passed in a world that never reaches the share. */
function predicted(
  draws: readonly (number | null)[],
  least: readonly (number | null)[],
  atLeast: (q: number) => boolean,
): Predicted {
  const at = (q: number): Bounded => {
    const reached = drawnQuantile(draws, q);
    const known = reached.lifeMs !== null;
    const found = known ? reached : { ...drawnQuantile(least, q), atLeast: true };
    return { ...found, atLeast: found.lifeMs !== null && (found.atLeast || atLeast(q)) };
  };
  return { p5: at(0.05), p50: at(0.5), p95: at(0.95) };
}

function eachShare<T>(of: (share: number) => T): Record<ShareName, T> {
  return { t50: of(shares.t50), t90: of(shares.t90), t99: of(shares.t99) };
}

function residualOf({ crowds, resolvers, weights }: HoldoverFacts): number | null {
  const sum = crowds.reduce((all, { weight }) => all + weight, 0);
  if (weights === 'unknown' || sum === 0) return null;
  const open = crowds.filter(({ resolver }) => (resolvers[resolver]?.lifeMs ?? null) === null);
  return open.reduce((all, { weight }) => all + weight, 0) / sum;
}

function missingOf({ stages, holdover, forwarding }: ForecastFacts): readonly string[] {
  const thin = stages
    .filter(({ samplesLifeMs }) => samplesLifeMs.length < fewestSamples)
    .map(({ stage, samplesLifeMs }) => `${stage} (n=${samplesLifeMs.length})`);
  return [
    ...(thin.length === 0 ? [] : [`stages with fewer than three samples: ${thin.join(', ')}`]),
    ...(holdover.weights === 'known' ? [] : ['weights unknown: no beacon tells who asks whom']),
    ...(holdover.resolvers.some(({ lifeMs }) => lifeMs === null)
      ? ['resolvers with clients and without a finished survey']
      : []),
    ...(forwarding || holdover.pinned !== null ? [] : ['connections: no front door was sampled']),
    ...(holdover.runtimes.length >= fewestSamples
      ? []
      : [`runtime caches: seen in ${holdover.runtimes.length} of the three earlier runs needed`]),
  ];
}
