import { formatMs } from '../../kernel/kernel.ts';
import type { Figures } from './run-evidence.ts';

/** One line of a comparison: a label, how to read a run's value, and which direction is better. */
export interface FigureRow {
  readonly name: string;
  readonly label: string;
  /** The kind of time of a value; `count` is not a time. */
  readonly unit: 'count' | 'lab' | 'life';
  /** One or two sentences in plain words; docs/measurement.md has the exact definition. */
  readonly definition: string;
  /** Returns the value for a comparison; `null` is unknown. */
  value(figures: Figures): number | null;
  text(figures: Figures): string;
  /** Returns the same value in the other kind of time, to show beside it. */
  aside?(figures: Figures): string | null;
  /** Returns the number of samples (A7); `null` where the value is itself a count of everything. */
  count(figures: Figures): string | null;
  /** `none`: the figure describes the traffic, not the run. */
  readonly better: 'lower' | 'none';
}

export const figureRows: readonly FigureRow[] = [
  {
    ...time('rtoMs', 'Recovery (RTO)', 'life', ({ rtoMs }) => rtoMs),
    definition:
      'From the first act to the start of the first 5 s in which at least 99 % of requests were answered correctly by the new region.',
    text: ({ rtoMs }) => (rtoMs === null ? 'not reached' : formatMs(rtoMs)),
    aside: ({ rtoMs, rtoLabMs }) => labAside(rtoMs, rtoLabMs),
    count: ({ requests }) => plural(requests, 'request'),
  },
  {
    ...time('rpoMs', 'Lost work (RPO)', 'life', ({ rpoMs }) => rpoMs),
    definition:
      'Time between the first and the last acknowledged write that was lost; 0 when none was.',
    count: ({ writesAcknowledged }) => plural(writesAcknowledged, 'write'),
  },
  {
    ...count('writesAcknowledged', 'Writes acknowledged', (f) => f.writesAcknowledged),
    definition: 'Orders whose client was told that they are placed.',
    better: 'none',
  },
  {
    ...count('writesLost', 'Acknowledged writes lost', (f) => f.writesLost),
    definition: 'Of those, absent from the database that survives.',
    count: ({ writesAcknowledged }) => `of ${writesAcknowledged}`,
  },
  {
    ...time('twoWritersMs', 'Both sides wrote for', 'lab', (f) => f.twoWritersMs),
    definition:
      'From the first write that the new region acknowledged to the last one that the old region did.',
    count: ({ writesAcknowledged }) => plural(writesAcknowledged, 'write'),
  },
  {
    ...time('writeGapMs', 'Longest write gap', 'lab', (f) => f.writeGapMs),
    definition:
      'Longest time without an acknowledged write that survives, ending after the first act.',
    count: ({ writesAcknowledged }) => plural(writesAcknowledged, 'write'),
  },
  {
    ...count('staleReads', 'Stale reads', (f) => f.staleReads),
    definition: 'Reads that missed a write which the same client had seen acknowledged.',
    count: ({ reads }) => `of ${reads}`,
  },
  {
    ...count('requestsFailed', 'Requests failed', (f) => f.requestsFailed),
    definition: 'Every request that was neither answered as expected nor a stale read.',
    count: ({ requests }) => `of ${requests}`,
  },
  {
    ...count(
      'requestsFailedAfterPromotion',
      'Failed after promotion',
      (f) => f.requestsFailedAfterPromotion,
    ),
    definition: 'Of those, the ones that ended after the new database had been promoted.',
    count: ({ requests }) => `of ${requests}`,
  },
  {
    ...time('p99Ms.before', 'p99 before', 'lab', ({ p99Ms }) => p99Ms.before),
    definition: '99 of 100 requests were faster, before the first act. Machine time, never scaled.',
    count: ({ p99Ms }) => plural(p99Ms.countBefore, 'request'),
    better: 'none',
  },
  {
    ...time('p99Ms.after', 'p99 after', 'lab', ({ p99Ms }) => p99Ms.after),
    definition:
      'The same in the first five minutes of life from the first step that touches writer or traffic.',
    count: ({ p99Ms }) => plural(p99Ms.countAfter, 'request'),
  },
  ...(['p50', 'p95', 'max'] as const).map((quantile) => ({
    ...time(`holdoverMs.${quantile}`, `Holdover ${quantile}`, 'lab', ({ holdoverMs }: Figures) =>
      holdoverMs === null ? null : holdoverMs[quantile],
    ),
    definition:
      'How long after the flip a client still came in by the old region. Caches and open connections decide it, not the runbook.',
    count: ({ holdoverMs }: Figures) => plural(holdoverMs?.count ?? 0, 'client'),
  })),
  ...(['p50', 'p99'] as const).map((quantile) => ({
    ...time(`lagMs.${quantile}`, `Replication lag ${quantile}`, 'lab', ({ lagMs }: Figures) =>
      lagMs === null ? null : lagMs[quantile],
    ),
    definition: 'How far the standby was behind, until it was promoted. Machine time.',
    count: ({ lagMs }: Figures) => plural(lagMs?.count ?? 0, 'sample'),
    better: 'none' as const,
  })),
  {
    ...count('webhooksSent', 'Webhooks sent', (f) => f.webhooksSent),
    definition: 'Events that the sender made.',
    better: 'none',
  },
  {
    ...count('webhooksMissed', 'Webhooks missed', (f) => f.webhooksMissed),
    definition:
      'No effect in the database that survives, although the sender holds a 2xx or has given up.',
    count: ({ webhooksSent }) => `of ${webhooksSent}`,
  },
  {
    ...count('webhooksLate', 'Webhooks late', (f) => f.webhooksLate),
    definition:
      'Their effect came, or is still to come, more than a minute of life after the event.',
    count: ({ webhooksSent }) => `of ${webhooksSent}`,
  },
];

/**
 * A difference in time within either of these limits is noise of the machine, so neither run is
 * called better.
 */
const noiseShare = 0.1;
const noiseMs = 5;

/**
 * Whether a run's value is better than another's by more than noise. An unknown value is never
 * better.
 */
export function isBetter(row: FigureRow, one: Figures, other: Figures): boolean {
  if (row.better === 'none') return false;
  const a = row.value(one);
  const b = row.value(other);
  if (a === null) return false;
  if (b === null) return true;
  if (row.unit === 'count') return a < b;
  return b - a > noiseMs && b - a > noiseShare * b;
}

function time(
  name: string,
  label: string,
  unit: 'lab' | 'life',
  value: (figures: Figures) => number | null,
) {
  return {
    name,
    label,
    unit,
    value,
    text: (figures: Figures) => {
      const ms = value(figures);
      if (ms === null) return 'unknown';
      return ms === 0 ? '0' : formatMs(ms);
    },
    better: 'lower' as const,
  };
}

function count(name: string, label: string, value: (figures: Figures) => number) {
  return {
    name,
    label,
    unit: 'count' as const,
    value,
    text: (figures: Figures) => String(value(figures)),
    count: () => null,
    better: 'lower' as const,
  };
}

function labAside(lifeMs: number | null, labMs: number | null): string | null {
  if (lifeMs === null || labMs === null || Math.round(labMs) === Math.round(lifeMs)) return null;
  return `lab ${formatMs(labMs)}`;
}

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
