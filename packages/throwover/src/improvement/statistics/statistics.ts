/**
 * Tests whether a figure changed between two windows. Pure.
 *
 * Neighbouring samples are not independent: a bad hour makes many bad samples, a bad day is often
 * followed by another, and Mondays are alike. So the windows are cut into blocks (whole weeks for a
 * metric that is always sampled, a day for one that comes with a run), and blocks are resampled,
 * not samples: the spread of the quantile over resamples is its standard error (Efron 1979; blocks:
 * Künsch 1989). With few blocks that spread is too small, so it is widened by sqrt(m / (m - 1)) and
 * compared with Student's t, with the degrees of freedom of Welch (1947) and Satterthwaite. `npm
 * run review-statistics` measures how often the result is wrong.
 */
import { probit, quantileSorted, sampleStandardDeviation } from 'simple-statistics';
import { type Random, seededRandom } from '../../kernel/kernel.ts';

/** Samples of one block, any order, in one unit. */
export type Block = readonly number[];

/**
 * improved, worse: shown at the level below. no-difference: none could be shown. unknown: too few
 * samples.
 */
export type Verdict = 'improved' | 'worse' | 'no-difference' | 'unknown';

export interface Comparison {
  readonly verdict: Verdict;
  /** The quantile in each window; null without a sample. */
  readonly before: number | null;
  readonly after: number | null;
  /** after / before - 1: -0.2 is 20 % less; null when it is unknown. */
  readonly change: number | null;
  /**
   * The 98 % confidence interval of the change (nominal), low to high; null when `change` is null.
   */
  readonly interval: readonly [number, number] | null;
  readonly samples: { readonly before: number; readonly after: number };
  readonly blocks: { readonly before: number; readonly after: number };
  /** Why the verdict is unknown. */
  readonly reason: string | null;
}

/**
 * Significance level on each side. Nominally 1 %, so that a false "improved" stays below 5 % with
 * four weeks of correlated days, whose correlation the blocks show only in part (docs/evidence.md
 * has the table).
 */
const level = 0.01;

/** Number of resamples: the standard error differs by 3 % from one seed to another. */
export const usualResamples = 500;

/**
 * Number of samples that must lie beyond a quantile; with fewer it would be only the extreme of a
 * few samples.
 */
const beyondQuantile = 2;

/**
 * Returns the least number of samples for a quantile: 20 for the p90, 4 for the median, 200 for the
 * p99.
 */
export function samplesNeeded(quantile: number): number {
  return Math.ceil(beyondQuantile / Math.min(quantile, 1 - quantile) - 1e-9);
}

/** Returns the quantile of all samples of the blocks; null without a sample. */
export function quantileOf(blocks: readonly Block[], quantile: number): number | null {
  const sorted = blocks.flat().sort((a, b) => a - b);
  return sorted.length === 0 ? null : quantileSorted(sorted, quantile);
}

/**
 * Compares a quantile of two windows. Samples are positive or zero. The difference is judged as a
 * ratio where both quantiles are positive, and is unknown where one is zero.
 */
export function compare(given: {
  before: readonly Block[];
  after: readonly Block[];
  quantile: number;
  better: 'lower' | 'higher';
  /** Number of blocks with a sample that each window needs. */
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

/** Returns the standard error of the logarithm of the quantile, over resampled blocks. */
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
    // A resample whose quantile is zero has no logarithm; the smallest sample above zero is used as
    // its bound.
    if (value > 0) found.push(Math.log(value));
  }
  if (found.length < 2) return Number.POSITIVE_INFINITY;
  return sampleStandardDeviation(found) * Math.sqrt(blocks.length / (blocks.length - 1));
}

/**
 * Returns the value at this rank of the drawn samples, between two neighbours where the rank falls
 * on an edge.
 */
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
  // Without any spread the error is exactly known.
  const freedom = spread === 0 ? 1 : variance ** 2 / spread;
  return { error: Math.sqrt(variance), freedom };
}

/**
 * Returns a quantile of Student's t, by the expansion of Cornish and Fisher (Abramowitz and Stegun
 * 26.7.5): within 3 % from 3 degrees of freedom on, 0.5 % from 10.
 */
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
