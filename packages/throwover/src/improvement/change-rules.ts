/**
 * Rules that refuse to create, ship or judge a change. Pure; each refusal is an error with a code.
 */

import { isoTime, type ThrowoverError } from '../kernel/kernel.ts';
import { dayMs, type Metric, type MetricSample } from '../records/records.ts';
import { type Baseline, blocksOf, midnightAfter, minBlocks, thinnedDays } from './baseline.ts';
import type { Amendment, Change, Measured } from './change.ts';
import { reviewOpen } from './change.ts';
import { improvementErrors } from './errors.ts';
import { type Comparison, compare, samplesNeeded } from './statistics/statistics.ts';

/** Whole weeks in the 30 days before a review. */
const weeksToReview = 4;

/**
 * Returns the number of samples expected within 30 days, and the number that a verdict needs: at the
 * rate of the baseline, or for a metric that only runs give, at least one for each promised drill.
 */
export function sampleForecast(metric: Metric, baseline: Baseline, drills: number) {
  const rate = baseline.count / (baseline.weeks * 7);
  const expected = Math.max(
    Math.floor(rate * weeksToReview * 7),
    metric.cadence === 'run' ? drills : 0,
  );
  const needed = Math.max(samplesNeeded(baseline.quantile), minBlocks[metric.cadence]);
  return { expected, needed, enough: expected >= needed };
}

/** Returns the reason why the change may not be created, or null. Does not throw. */
export function againstCreating(
  wanted: { expect: number; drills: number },
  metric: Metric,
  baseline: Baseline,
): ThrowoverError | null {
  if (baseline.metric !== metric.name) {
    return improvementErrors.make(
      'baseline-differs',
      `baseline ${baseline.name} is of ${baseline.metric}, not of ${metric.name}`,
    );
  }
  const better = metric.better === 'lower' ? wanted.expect < 0 : wanted.expect > 0;
  if (!better || wanted.expect <= -1) {
    return improvementErrors.make(
      'effect-wrong',
      `${percent(wanted.expect)} is no improvement of ${metric.name}, of which ${metric.better} is better`,
    );
  }
  const held = blocksOf(baseline.days, metric.cadence).filter((block) => block.length > 0).length;
  const short =
    held < minBlocks[metric.cadence] || baseline.count < samplesNeeded(baseline.quantile);
  const { expected, needed, enough } = sampleForecast(metric, baseline, wanted.drills);
  if (!short && enough) return null;
  const what = short
    ? `baseline ${baseline.name} has ${counted(baseline.count, 'sample')} in ${counted(held, block(metric))}; a verdict needs ${samplesNeeded(baseline.quantile)} in ${minBlocks[metric.cadence]}`
    : `30 days will give ${counted(expected, 'sample')} of ${metric.name}; a verdict needs ${needed}`;
  const way = metric.leading === null ? '' : `; the leading metric is ${metric.leading}`;
  const drills =
    metric.cadence === 'run' && !short ? `; or hold ${needed} drills before the review` : '';
  return improvementErrors.make('too-few-samples', `${what}${way}${drills}`, {
    expected,
    needed,
    leading: metric.leading,
  });
}

/** The declared panels, steps and people, for a change that is to ship. */
export interface ShippingFacts {
  /** The metric of each declared panel. */
  readonly panels: ReadonlyMap<string, string>;
  readonly steps: readonly string[];
  readonly onCall: readonly string[];
}

/** Returns the missing parts as text; empty when the change may ship. */
export function missingToShip(
  change: Pick<Change, 'metric'> & Amendment,
  { panels, steps, onCall }: ShippingFacts,
): readonly string[] {
  const { panel, step, task, owner, metric } = change;
  const missing: string[] = [];
  if (panel === undefined) missing.push('a panel (--panel)');
  else if (panels.get(panel) !== metric) {
    const shown = panels.get(panel);
    missing.push(
      shown === undefined
        ? `a panel "${panel}" under evidence.panels in throwover.yaml`
        : `a panel of ${metric}: "${panel}" shows ${shown}`,
    );
  }
  if (step === undefined) missing.push('a runbook step (--step)');
  else if (!steps.includes(step)) missing.push(`a step of the runbook: "${step}" is none`);
  if (task === undefined) missing.push("its owner's weekly task (--task)");
  if (owner === undefined || !onCall.includes(owner)) {
    missing.push(`an owner who is on call: "${owner ?? ''}" is not`);
  }
  return missing;
}

/**
 * Returns the effect so far: compares the whole weeks since the change shipped with its baseline.
 */
export function measure(
  change: Change,
  metric: Metric,
  baseline: Baseline,
  samples: readonly MetricSample[],
  nowWallMs: number,
): Comparison {
  const fromWallMs = midnightAfter(change.shippedWallMs ?? nowWallMs);
  const weeks = Math.max(0, Math.floor((nowWallMs - fromWallMs) / (7 * dayMs)));
  return compare({
    before: blocksOf(baseline.days, metric.cadence),
    after: blocksOf(thinnedDays(samples, fromWallMs, weeks), metric.cadence),
    quantile: baseline.quantile,
    better: metric.better,
    minBlocks: minBlocks[metric.cadence],
  });
}

/** Returns the part of a comparison that is stored with the verdict. */
export function measuredOf({ verdict, change, interval, samples, reason }: Comparison): Measured {
  return {
    verdict,
    change,
    interval: interval === null ? null : [interval[0], interval[1]],
    samplesBefore: samples.before,
    samplesAfter: samples.after,
    reason,
  };
}

/** Returns the reason why this person may not give this verdict now; null when there is none. */
export function againstVerdict(
  change: Change,
  given: { verdict: string; by: string; reason: string | null; nowWallMs: number },
  seen: Comparison,
): ThrowoverError | null {
  const { name, status, owner, reviewDueWallMs } = change;
  if (status !== 'shipped' || reviewDueWallMs === null) {
    return improvementErrors.make(
      'change-state-wrong',
      `${name} is ${status}: it has no open review`,
    );
  }
  if (!reviewOpen(change, given.nowWallMs)) {
    return improvementErrors.make(
      'review-not-due',
      `the review of ${name} opens on ${isoTime(reviewDueWallMs).slice(0, 10)}`,
    );
  }
  if (given.by !== owner) {
    return improvementErrors.make(
      'not-the-owner',
      `${name} is owned by ${owner}, not by ${given.by}`,
    );
  }
  if (given.verdict === 'kept' && seen.verdict !== 'improved' && given.reason === null) {
    return improvementErrors.make(
      'kept-without-evidence',
      `the effect of ${name} is: ${seen.verdict}${seen.reason === null ? '' : ` (${seen.reason})`}`,
    );
  }
  return null;
}

export const percent = (share: number) =>
  `${share > 0 ? '+' : ''}${(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`;

const counted = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
const block = ({ cadence }: Metric) => (cadence === 'run' ? 'day' : 'week');
