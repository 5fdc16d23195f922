/**
 * Measures how often the review's test is right, on daily series with a known effect. Pure; seeded.
 */
import { probit } from 'simple-statistics';
import { type Random, seededRandom } from '../../kernel/kernel.ts';
import { type Block, compare, type Verdict } from './statistics.ts';

export interface SeriesModel {
  /** Correlation of a day with the day before (AR(1)), 0 to below 1. */
  readonly correlation: number;
  /** Standard deviation of a day's logarithm: 0.1 is about 10 %. */
  readonly spread: number;
  /** How much higher Monday is than Sunday, as a share; the days between lie on a line. */
  readonly weekday: number;
  readonly weeksBefore: number;
  readonly weeksAfter: number;
}

/**
 * Returns weeks of daily figures: lognormal around 100. `effect` 0.2: 20 % less in the second
 * window.
 */
export function simulatedWindows(model: SeriesModel, effect: number, random: Random) {
  const { correlation, spread, weekday, weeksBefore, weeksAfter } = model;
  // Avoids 0 and 1, where the normal quantile is infinite.
  const normal = () => probit(0.5 + (random.next() - 0.5) * (1 - 1e-9));
  const fresh = Math.sqrt(1 - correlation ** 2);
  let state = normal();
  const week = (factor: number): Block =>
    Array.from({ length: 7 }, (_, day) => {
      state = correlation * state + fresh * normal();
      return 100 * factor * (1 + weekday * (0.5 - day / 6)) * Math.exp(spread * state);
    });
  const before = Array.from({ length: weeksBefore }, () => week(1));
  const after = Array.from({ length: weeksAfter }, () => week(1 - effect));
  return { before, after };
}

/**
 * Returns the counts of verdicts over `rounds` simulated changes with this effect; lower is better.
 */
export function judgeRounds(given: {
  model: SeriesModel;
  effect: number;
  quantile: number;
  rounds: number;
  seed: number;
  resamples?: number;
}): Readonly<Record<Verdict, number>> {
  const { model, effect, quantile, rounds, seed, resamples } = given;
  const counts = { improved: 0, worse: 0, 'no-difference': 0, unknown: 0 };
  const random = seededRandom(seed);
  for (let round = 0; round < rounds; round++) {
    const windows = simulatedWindows(model, effect, random);
    const { verdict } = compare({
      ...windows,
      quantile,
      better: 'lower',
      minBlocks: 3,
      seed: random.integer(2 ** 31),
      ...(resamples === undefined ? {} : { resamples }),
    });
    counts[verdict] += 1;
  }
  return counts;
}
