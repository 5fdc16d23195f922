/**
 * Did a figure change between two windows? Pure.
 *
 * Neighbouring samples are not independent: a bad hour makes many bad samples, a bad day is followed by
 * one, and Mondays are alike. So the windows are cut into blocks (whole weeks for what is sampled always,
 * a day for what comes with a run), and blocks are resampled, not samples: the spread of the quantile over
 * resamples is its standard error (Efron 1979; blocks: Künsch 1989). Few blocks make that spread too small
 * and too sure of itself, so it is widened by sqrt(m / (m - 1)) and held against Student's t with the
 * degrees of freedom of Welch (1947) and Satterthwaite. `npm run review-statistics` measures how often
 * that is wrong.
 */
import { probit, quantileSorted, sampleStandardDeviation } from 'simple-statistics';
import { type Random, seededRandom } from '../kernel/kernel.ts';

/** Samples of one block, any order, in one unit. */
export type Block = readonly number[];

/** improved, worse: shown at the level below. no-difference: none could be shown. unknown: too little was seen. */
export type Verdict = 'improved' | 'worse' | 'no-difference' | 'unknown';

export interface Comparison {
  readonly verdict: Verdict;
  /** The quantile in each window; null without a sample. */
  readonly before: number | null;
  readonly after: number | null;
  /** after / before - 1: -0.2 is 20 % less; null when it cannot be told. */
  readonly change: number | null;
  /** Where the change lies with 98 % confidence in name, low to high; null as `change` is. */
  readonly interval: readonly [number, number] | null;
  readonly samples: { readonly before: number; readonly after: number };
  readonly blocks: { readonly before: number; readonly after: number };
  /** Why it is unknown. */
  readonly reason: string | null;
}

/**
 * On each side. 1 % in name, so that a false "improved" stays below 5 % with four weeks of correlated days,
 * which the blocks see too little of (docs/evidence.md has the table).
 */
const level = 0.01;

/** Resamples: the standard error moves by 3 % from one seed to another. */
export const usualResamples = 500;

/** Samples that must lie beyond a quantile for it to be more than the extreme of a few. */
const beyondQuantile = 2;

/** Least samples that say anything of a quantile: 20 for the p90, 4 for the median, 200 for the p99. */
export function samplesNeeded(quantile: number): number {
  return Math.ceil(beyondQuantile / Math.min(quantile, 1 - quantile) - 1e-9);
}

/** Quantile of all samples of the blocks; null without one. */
export function quantileOf(blocks: readonly Block[], quantile: number): number | null {
  const sorted = blocks.flat().sort((a, b) => a - b);
  return sorted.length === 0 ? null : quantileSorted(sorted, quantile);
}

/**
 * Compares a quantile of two windows. Samples are positive or zero; the difference is judged as a ratio
 * where both quantiles are positive, and is unknown where one is zero.
 */
export function compare(given: {
  before: readonly Block[];
  after: readonly Block[];
  quantile: number;
  better: 'lower' | 'higher';
  /** Blocks with a sample that each window needs. */
  minBlocks: number;
  seed?: number;
  resamples?: number;
}): Comparison {
  const { quantile, better, minBlocks, seed = 1, resamples = usualResamples } = given;
  const before = given.before.filter((block) => block.length > 0);
  const after = given.after.filter((block) => block.length > 0);
  const seen = {
    before: quantileOf(before, quantile),
    after: quantileOf(after, quantile),
    samples: { before: before.flat().length, after: after.flat().length },
    blocks: { before: before.length, after: after.length },
  };
  const unknown = (reason: string): Comparison => ({
    ...seen,
    verdict: 'unknown',
    change: null,
    interval: null,
    reason,
  });
  const needed = samplesNeeded(quantile);
  for (const side of ['before', 'after'] as const) {
    if (seen.samples[side] < needed) {
      return unknown(`${seen.samples[side]} samples ${side}, ${needed} are needed`);
    }
    if (seen.blocks[side] < minBlocks) {
      return unknown(`${seen.blocks[side]} blocks with samples ${side}, ${minBlocks} are needed`);
    }
  }
  if (seen.before === null || seen.after === null || !(seen.before > 0) || !(seen.after > 0)) {
    return unknown('a quantile of zero has no ratio');
  }
  const random = seededRandom(seed);
  const errors = [before, after].map((blocks) => ({
    error: logError(blocks, quantile, resamples, random),
    freedom: blocks.length - 1,
  }));
  const { error, freedom } = welch(errors);
  const ratio = Math.log(seen.after / seen.before);
  const reach = studentT(1 - level, freedom) * error;
  const interval = [Math.expm1(ratio - reach), Math.expm1(ratio + reach)] as const;
  const lower = interval[1] < 0;
  const higher = interval[0] > 0;
  const [good, bad] = better === 'lower' ? [lower, higher] : [higher, lower];
  return {
    ...seen,
    verdict: good ? 'improved' : bad ? 'worse' : 'no-difference',
    change: Math.expm1(ratio),
    interval,
    reason: null,
  };
}

/** Standard error of the logarithm of the quantile, over resampled blocks. */
function logError(
  blocks: readonly Block[],
  quantile: number,
  resamples: number,
  random: Random,
): number {
  const pooled = blocks
    .flatMap((block, index) => block.map((value) => ({ value, index })))
    .sort((a, b) => a.value - b.value);
  const values = Float64Array.from(pooled, ({ value }) => value);
  const owners = Uint32Array.from(pooled, ({ index }) => index);
  const found: number[] = [];
  for (let i = 0; i < resamples; i++) {
    const drawn = new Uint32Array(blocks.length);
    let total = 0;
    for (let draw = 0; draw < blocks.length; draw++) {
      const index = random.integer(blocks.length);
      drawn[index] = (drawn[index] ?? 0) + 1;
      total += blocks[index]?.length ?? 0;
    }
    const value = weightedQuantile(values, owners, drawn, quantile * total);
    // A resample whose quantile is zero has no logarithm; the smallest sample above zero is its bound.
    if (value > 0) found.push(Math.log(value));
  }
  if (found.length < 2) return Number.POSITIVE_INFINITY;
  return sampleStandardDeviation(found) * Math.sqrt(blocks.length / (blocks.length - 1));
}

/** The value at which so many drawn samples have gone by, between neighbours where it falls on an edge. */
function weightedQuantile(
  values: Float64Array,
  owners: Uint32Array,
  drawn: Uint32Array,
  rank: number,
): number {
  let passed = 0;
  for (let i = 0; i < values.length; i++) {
    passed += drawn[owners[i] ?? 0] ?? 0;
    if (passed > rank) return values[i] ?? 0;
    if (passed === rank) {
      for (let next = i + 1; next < values.length; next++) {
        if ((drawn[owners[next] ?? 0] ?? 0) > 0)
          return ((values[i] ?? 0) + (values[next] ?? 0)) / 2;
      }
      return values[i] ?? 0;
    }
  }
  return values.at(-1) ?? 0;
}

function welch(sides: readonly { readonly error: number; readonly freedom: number }[]) {
  const variances = sides.map(({ error, freedom }) => ({ variance: error ** 2, freedom }));
  const variance = variances.reduce((sum, side) => sum + side.variance, 0);
  const spread = variances.reduce((sum, side) => sum + side.variance ** 2 / side.freedom, 0);
  // Without any spread there is no error to be unsure of.
  const freedom = spread === 0 ? 1 : variance ** 2 / spread;
  return { error: Math.sqrt(variance), freedom };
}

/** Quantile of Student's t, by the expansion of Cornish and Fisher (Abramowitz and Stegun 26.7.5): within 3 % from 3 degrees of freedom on, 0.5 % from 10. */
export function studentT(quantile: number, freedom: number): number {
  const z = probit(quantile);
  const powers = (...factors: number[]) =>
    factors.reduce((sum, factor, index) => sum + factor * z ** (2 * index + 1), 0);
  return (
    z +
    powers(1, 1) / (4 * freedom) +
    powers(3, 16, 5) / (96 * freedom ** 2) +
    powers(-15, 17, 19, 3) / (384 * freedom ** 3)
  );
}
