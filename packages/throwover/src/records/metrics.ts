/**
 * The named metrics, which a baseline captures, a panel shows and a review judges.
 *
 * A panel, a baseline and a change name one of these and nothing else, so that there is no panel
 * without a metric and no metric without a unit.
 */
import type { RunState } from '../store/store.ts';
import { stepsOf } from './journal-steps.ts';
import type { EvidenceKind, EvidenceLog, EvidenceSample } from './samples.ts';
import { maxSamplesACall, wallMsOf } from './samples.ts';

export const dayMs = 86_400_000;

/** One value, with the time at which it was measured. */
export interface MetricSample {
  readonly atWallMs: number;
  /** In the metric's unit. */
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly unit: 'ms' | 'share';
  readonly better: 'lower' | 'higher';
  /**
   * The quantile that is compared: the median for a figure that each run gives once, a tail
   * quantile for one that is always sampled.
   */
  readonly quantile: number;
  /** always: sampled by `serve` or by a survey. run: one sample for each run. */
  readonly cadence: 'always' | 'run';
  /** Age up to which data counts as fresh, ms. */
  readonly freshMs: number;
  /** A metric that moves earlier than this one and has more samples; null when there is none. */
  readonly leading: string | null;
  readonly refresh: Refresh;
  /** Reads the samples of a window. `newest`: one page of the newest ones is enough. */
  read(
    sources: MetricSources,
    window: Window,
    options?: { readonly newest?: boolean },
  ): Promise<readonly MetricSample[]>;
}

/** The source of a sample: a run of the service, or a command that only measures. */
export type Refresh =
  | { readonly kind: 'rehearse' }
  | { readonly kind: 'measure'; readonly command: string };

/** Returns the command to type. */
export function refreshCommand(refresh: Refresh): string {
  return refresh.kind === 'rehearse' ? 'throwover switchover --to REGION' : refresh.command;
}

/** A period in wall ms; `until` is not part of it. */
export interface Window {
  readonly sinceWallMs: number;
  readonly untilWallMs: number;
}

export interface MetricSources {
  readonly evidence: EvidenceLog;
  /** Runs that began in the window, with their journals. */
  readonly runs: (window: Window) => Promise<readonly RunState[]>;
}

/**
 * Samples read to find the newest one that has a value: some of the newest may have none.
 */
const newestPage = 100;

const week = 7 * dayMs;
/** The longest quarter, ms. */
export const quarterMs = 92 * dayMs;

const sampled = <K extends EvidenceKind>(
  kind: K,
  valuesOf: (sample: EvidenceSample<K>) => readonly (number | null)[],
): Metric['read'] => {
  return async ({ evidence }, window, { newest = false } = {}) => {
    const samples = newest
      ? await evidence.list(kind, { ...window, limit: newestPage })
      : await allOf(evidence, kind, window);
    return samples.flatMap((sample) => {
      const atWallMs = wallMsOf(sample);
      if (atWallMs === null) return [];
      return valuesOf(sample).flatMap((value) => (value === null ? [] : [{ atWallMs, value }]));
    });
  };
};

/**
 * Returns the time from the start of one step of a run to the end of another, for runs that had
 * both.
 */
const between = (first: string, last: string): Metric['read'] => {
  return async ({ runs }, window) =>
    (await runs(window)).flatMap((run) => {
      const { steps } = stepsOf(run);
      const begin = steps.find(({ name }) => name === first);
      const end = steps.find(({ name, result }) => name === last && result !== 'failed');
      if (begin === undefined || end === undefined) return [];
      return [{ atWallMs: end.endMs, value: end.endMs - begin.startMs }];
    });
};

const ofRuns = {
  unit: 'ms',
  better: 'lower',
  quantile: 0.5,
  cadence: 'run',
  freshMs: quarterMs,
  refresh: { kind: 'rehearse' },
} as const;

const ofServe = {
  better: 'lower',
  cadence: 'always',
  freshMs: week,
  refresh: { kind: 'measure', command: 'throwover serve --data DIR --service throwover.yaml' },
} as const;

export const metrics: readonly Metric[] = [
  {
    ...ofRuns,
    name: 'holdover-t99',
    title: 'After a flip, until 99 % of requests reach the active region directly',
    leading: 'resolver-holdover',
    read: sampled('straggler-curve', ({ t99LifeMs }) => [t99LifeMs]),
  },
  {
    ...ofServe,
    name: 'resolver-holdover',
    title: 'How long resolvers gave the old answer after it was superseded',
    unit: 'ms',
    quantile: 0.9,
    leading: null,
    refresh: { kind: 'measure', command: 'throwover dns survey' },
    read: sampled('resolver', ({ holdoversLifeMs }) => holdoversLifeMs),
  },
  {
    ...ofServe,
    name: 'old-connections',
    title: 'Share of requests on connections older than the TTL',
    unit: 'share',
    quantile: 0.9,
    leading: null,
    read: sampled('connections', ({ requestsOnOldShare }) => [requestsOnOldShare]),
  },
  {
    ...ofRuns,
    name: 'first-minutes-p99',
    title: 'Worst p99 of a minute in the first five after a flip',
    leading: 'warm-up',
    read: sampled('five-minutes', ({ minutes }) =>
      minutes.length === 0 ? [] : [Math.max(...minutes.map(({ p99Ms }) => p99Ms))],
    ),
  },
  {
    ...ofRuns,
    name: 'warm-up',
    title: 'From the request for warm capacity until it was ready',
    leading: null,
    read: sampled('warm-up', ({ readyMs }) => [readyMs]),
  },
  {
    ...ofRuns,
    name: 'writer-gap',
    title: 'From the fence until the new region takes writes',
    leading: null,
    read: between('fence', 'forward'),
  },
  {
    ...ofRuns,
    name: 'webhook-backlog',
    title: 'Until the webhooks of a run were delivered',
    leading: null,
    read: between('hold-webhooks', 'deliver-webhooks'),
  },
  {
    ...ofRuns,
    name: 'approve-time',
    title: "From a plan's being shown until a person approved it",
    leading: null,
    read: sampled('forecast', ({ approveMs }) => [approveMs]),
  },
  {
    ...ofRuns,
    name: 'run-duration',
    title: 'A run that succeeded, from its beginning to its end',
    leading: null,
    read: async ({ runs }, window) =>
      (await runs(window)).flatMap(({ status, startedWallMs, endedWallMs }) =>
        status === 'succeeded' && endedWallMs !== null
          ? [{ atWallMs: endedWallMs, value: endedWallMs - startedWallMs }]
          : [],
      ),
  },
];

export const metricNames: readonly string[] = metrics.map(({ name }) => name);

export const metricOf = (name: string): Metric | null =>
  metrics.find((metric) => metric.name === name) ?? null;

/** Returns every sample of a window, page by page. */
async function allOf<K extends EvidenceKind>(
  evidence: EvidenceLog,
  kind: K,
  window: Window,
): Promise<readonly EvidenceSample<K>[]> {
  const found: EvidenceSample<K>[] = [];
  for (;;) {
    const page = await evidence.list(kind, { ...window, skip: found.length });
    found.push(...page);
    if (page.length < maxSamplesACall) return found;
  }
}
