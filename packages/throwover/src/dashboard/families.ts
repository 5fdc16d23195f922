/**
 * All metrics for a monitoring system: every family has a unit and a panel. The scraped text, the
 * dashboard (grafana.ts), the alerts (alerts.ts) and docs/metrics.md are all generated from this
 * list, so there is no panel without a metric and no metric without a unit.
 *
 * Names and units follow the conventions of Prometheus: base units (seconds, ratios), a moment as a
 * Unix time.
 */

import { type Metric, metrics } from '../records/records.ts';
export const rows = {
  now: 'Now',
  replication: 'Replication',
  traffic: 'Traffic and webhooks',
  measured: 'What runs and surveys have measured',
  people: 'People and drills',
  evidence: 'The operating test',
  self: 'throwover itself',
} as const;
export type Row = keyof typeof rows;

/**
 * seconds: a duration. moment: a Unix time, s. ratio: 0 to 1. count. state: 1 for true, 0 for
 * false.
 */
export type Unit = 'seconds' | 'moment' | 'ratio' | 'count' | 'state';

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly unit: Unit;
  /** Labels in addition to `service`; default: none. */
  readonly labels?: readonly string[];
  /** A metric of serve itself, without the label `service`. */
  readonly ofServe?: true;
  readonly panel: {
    readonly row: Row;
    readonly title: string;
    /**
     * The expression to show; `$__self` stands for the family of the chosen service. Default:
     * `$__self`.
     */
    readonly shows?: string;
    /** Unit of the shown value, where it differs from the family's. */
    readonly unit?: Unit;
  };
}

/** Shows the age of a moment. */
const age = { shows: 'time() - $__self', unit: 'seconds' } as const;

export const families = {
  epoch: {
    name: 'throwover_epoch',
    help: 'Epoch of the service: grows with every promotion.',
    unit: 'count',
    panel: { row: 'now', title: 'Epoch' },
  },
  active: {
    name: 'throwover_active',
    help: 'The region is the active one, as the store says.',
    unit: 'state',
    labels: ['region'],
    panel: { row: 'now', title: 'Active region' },
  },
  writer: {
    name: 'throwover_writer',
    help: "The region's database lets the application write, as its guard has seen it on the server; absent: the guard does not answer, or has not seen it lately.",
    unit: 'state',
    labels: ['region'],
    panel: { row: 'now', title: 'Takes writes' },
  },
  fenced: {
    name: 'throwover_fenced',
    help: "The region's database is a primary that was seen to be closed to the application.",
    unit: 'state',
    labels: ['region'],
    panel: { row: 'now', title: 'Closed by a fence' },
  },
  doorBroken: {
    name: 'throwover_door_broken',
    help: 'The server does not treat the application as the guard has written down: it is to be closed and lets it in, or is to be open and refuses it.',
    unit: 'state',
    labels: ['region'],
    panel: { row: 'now', title: 'Closure does not hold' },
  },
  doorRestored: {
    name: 'throwover_door_restored',
    help: 'How often in the last 10 minutes the guard has closed, or opened, its database again because somebody else had changed that.',
    unit: 'count',
    labels: ['region'],
    panel: { row: 'now', title: 'Put right by the guard' },
  },
  doorAge: {
    name: 'throwover_door_observed_age_seconds',
    help: 'How long ago the guard last saw on the server whether the application is let in; absent: it has not seen it yet.',
    unit: 'seconds',
    labels: ['region'],
    panel: { row: 'now', title: 'Age of that look' },
  },
  runOpen: {
    name: 'throwover_run_open',
    help: 'A run has begun and not ended.',
    unit: 'state',
    panel: { row: 'now', title: 'A run is open' },
  },
  runOpenSince: {
    name: 'throwover_run_open_since_timestamp_seconds',
    help: 'When the open run began; absent: none is open.',
    unit: 'moment',
    panel: { row: 'now', title: 'Open run, age', ...age },
  },
  halted: {
    name: 'throwover_halted',
    help: 'All automation is halted (throwover halt).',
    unit: 'state',
    panel: { row: 'now', title: 'Halted' },
  },
  lastRun: {
    name: 'throwover_last_run_timestamp_seconds',
    help: 'When a run of this kind last succeeded.',
    unit: 'moment',
    labels: ['kind'],
    panel: { row: 'now', title: 'Since the last run that succeeded', ...age },
  },
  standby: {
    name: 'throwover_standby_streaming',
    help: 'A standby streams from the region, as its primary says.',
    unit: 'state',
    labels: ['region'],
    panel: { row: 'replication', title: 'A standby streams' },
  },
  lag: {
    name: 'throwover_lag_seconds',
    help: "How far the standby is behind now, by the primary's own measure.",
    unit: 'seconds',
    labels: ['from'],
    panel: { row: 'replication', title: 'Lag now' },
  },
  lagQuantile: {
    name: 'throwover_lag_30d_seconds',
    help: 'Lag of the last 30 days, as `throwover check` shows it. Quantile 1 is exact, the others within 1 %.',
    unit: 'seconds',
    labels: ['from', 'to', 'quantile'],
    panel: { row: 'replication', title: 'Lag of 30 days' },
  },
  lossBound: {
    name: 'throwover_loss_bound_seconds',
    help: 'Longest time whose writes a failover may lose without an override by name.',
    unit: 'seconds',
    panel: { row: 'replication', title: 'Loss bound' },
  },
  inSync: {
    name: 'throwover_in_sync',
    help: 'Synchronous durability: every acknowledged commit is on the standby; absent: asynchronous.',
    unit: 'state',
    labels: ['region'],
    panel: { row: 'replication', title: 'In sync' },
  },
  doorP99: {
    name: 'throwover_door_p99_seconds',
    help: "p99 of the application's answers at the region's door, last minute.",
    unit: 'seconds',
    labels: ['region'],
    panel: { row: 'traffic', title: 'p99 at the doors' },
  },
  doorFailed: {
    name: 'throwover_door_failed_ratio',
    help: "Share of the requests at the region's door that failed, last minute.",
    unit: 'ratio',
    labels: ['region'],
    panel: { row: 'traffic', title: 'Failed at the doors' },
  },
  doorRequests: {
    name: 'throwover_door_requests',
    help: "Requests at the region's door, last minute.",
    unit: 'count',
    labels: ['region'],
    panel: { row: 'traffic', title: 'Requests a minute' },
  },
  webhooksWaiting: {
    name: 'throwover_webhooks_waiting',
    help: "Webhooks that the region's gateway has accepted and not delivered.",
    unit: 'count',
    labels: ['region'],
    panel: { row: 'traffic', title: 'Webhooks that wait' },
  },
  webhooksOldest: {
    name: 'throwover_webhooks_oldest_seconds',
    help: 'Age of the oldest webhook that is not delivered; absent: none waits.',
    unit: 'seconds',
    labels: ['region'],
    panel: { row: 'traffic', title: 'Oldest webhook that waits' },
  },
  deadLetters: {
    name: 'throwover_webhooks_dead_letters',
    help: 'Webhooks that were given up on, and wait for a person.',
    unit: 'count',
    labels: ['region'],
    panel: { row: 'traffic', title: 'Webhooks given up on' },
  },
  metricMoment: {
    name: 'throwover_metric_timestamp_seconds',
    help: 'When the newest sample of a named metric was measured; absent: there is none.',
    unit: 'moment',
    labels: ['metric'],
    panel: { row: 'measured', title: 'Age of the newest sample', ...age },
  },
  metricFresh: {
    name: 'throwover_metric_fresh_seconds',
    help: 'Older than this the newest sample of a named metric is no fresh data.',
    unit: 'seconds',
    labels: ['metric'],
    panel: { row: 'measured', title: 'How old it may be' },
  },
  forecastInside: {
    name: 'throwover_forecast_inside_ratio',
    help: 'Share of the runs whose measured time stood inside the 90 % interval of the forecast before it.',
    unit: 'ratio',
    labels: ['share'],
    panel: { row: 'measured', title: 'Forecasts that held' },
  },
  forecastCount: {
    name: 'throwover_forecast_scored',
    help: 'Runs whose forecast could be scored.',
    unit: 'count',
    labels: ['share'],
    panel: { row: 'measured', title: 'Forecasts scored' },
  },
  drillNext: {
    name: 'throwover_drill_next_timestamp_seconds',
    help: 'Beginning of the window of the next drill; absent: none is planned.',
    unit: 'moment',
    panel: {
      row: 'people',
      title: 'Until the next drill',
      shows: '$__self - time()',
      unit: 'seconds',
    },
  },
  drillOverdue: {
    name: 'throwover_drill_overdue',
    help: 'A drill is due whose first window has passed without it.',
    unit: 'state',
    panel: { row: 'people', title: 'A drill is overdue' },
  },
  drillLast: {
    name: 'throwover_drill_last_timestamp_seconds',
    help: 'When the last drill that went there and back was begun; absent: none was.',
    unit: 'moment',
    panel: { row: 'people', title: 'Since the last whole drill', ...age },
  },
  drivers: {
    name: 'throwover_drivers_ratio',
    help: 'Share of the rota that has driven a drill in 180 days.',
    unit: 'ratio',
    panel: { row: 'people', title: 'Drove in 180 days' },
  },
  findings: {
    name: 'throwover_findings',
    help: 'Findings of drills and runs: open (nobody owns it), task (somebody does), late (past its date).',
    unit: 'count',
    labels: ['status'],
    panel: { row: 'people', title: 'Findings' },
  },
  slide: {
    name: 'throwover_slide',
    help: 'A line of the operating test: 1 it is a slide, 0 it is real.',
    unit: 'state',
    labels: ['subject', 'rule'],
    panel: { row: 'evidence', title: 'Slides' },
  },
  reviewsOpen: {
    name: 'throwover_change_reviews_open',
    help: 'Changes whose 30-day review is open.',
    unit: 'count',
    panel: { row: 'evidence', title: 'Reviews that are open' },
  },
  build: {
    name: 'throwover_build_info',
    help: 'throwover serve runs; of which version.',
    unit: 'state',
    labels: ['version'],
    ofServe: true,
    panel: { row: 'self', title: 'Serve runs' },
  },
  partUp: {
    name: 'throwover_part_up',
    help: 'The part could be asked at this scrape: a guard, a door, a gateway, or something kept by serve.',
    unit: 'state',
    labels: ['part'],
    panel: { row: 'self', title: 'Parts that answer' },
  },
} as const satisfies Record<string, Family>;

const camelless = (name: string) => name.replaceAll('-', '_');

/**
 * Returns the family of a named metric: its usual quantile over the newest samples, in base units.
 */
export function familyOf({ name, title, unit, quantile }: Metric): Family {
  const what = quantile === 0.5 ? 'Median' : `Quantile ${quantile}`;
  return {
    name: `throwover_${camelless(name)}_${unit === 'ms' ? 'seconds' : 'ratio'}`,
    help: `${title}. ${what} of the newest samples.`,
    unit: unit === 'ms' ? 'seconds' : 'ratio',
    panel: { row: 'measured', title },
  };
}

export const allFamilies = [...Object.values<Family>(families), ...metrics.map(familyOf)].map(
  ({ labels = [], ...rest }) => ({ ...rest, labels }),
);
