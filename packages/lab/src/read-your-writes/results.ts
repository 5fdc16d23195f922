import type { Quantiles } from 'throwover/kernel';
import { z } from 'zod';
import { provenance, type SeriesKind, tableRow } from '../results/series.ts';
import { type ReadCounts, roundFigures } from './judge.ts';

const quantilesSchema = z
  .object({ count: z.number(), p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
  .nullable();

const latencySchema = z.object({
  withToken: quantilesSchema,
  withoutToken: quantilesSchema,
  waitedMs: quantilesSchema,
});

const roundSchema = z.object({
  round: z.number(),
  kind: z.enum(['switchover', 'failover']),
  violations: z.array(z.string()),
  ...roundFigures.shape,
  tookMs: z.number(),
});
export type RoundResult = z.infer<typeof roundSchema>;

/** One invocation. */
const seriesSchema = z.object({
  ...provenance,
  latencyMs: z.number(),
  /** For all reads with a token in all rounds. */
  waitedMs: quantilesSchema,
  /** Without any fault, ms as the clients saw it. */
  quiet: z.object({ door: latencySchema, writer: latencySchema, replica: latencySchema }),
  rounds: z.array(roundSchema),
});
export type Series = z.infer<typeof seriesSchema>;

export const readYourWritesSeries: SeriesKind<Series> = {
  name: 'read-your-writes',
  schema: seriesSchema,
  render: (all) =>
    [
      '## `npm run read-your-writes`',
      '',
      'Clients read what they have just written, one half with the token and the other without, through',
      'switchovers and failovers ([client.md](../client.md)). Generated from read-your-writes.jsonl.',
      '',
      '| Seed, commit | Switchovers, failovers | Violations | Acknowledged writes | Lost | Said lost | Wrongly | Tokens shown | Waited, p50 / p99 (ms) |',
      '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...all.map(lossRow),
      '',
      '| Seed, commit | Reads | Carried a token | Stale | of lost writes, unsaid | Refused | Said lost | Routed | No answer |',
      '| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
      ...all.flatMap((series) => [
        readsRow(series, 'yes', ({ withToken }) => withToken),
        readsRow(series, 'no', ({ withoutToken }) => withoutToken),
      ]),
      '',
      'Latency of a read in a quiet phase, p50 / p99 (ms, number of reads):',
      '',
      '| Seed, commit | Read at | With the token | Without | Of that, waiting |',
      '| --- | --- | ---: | ---: | ---: |',
      ...all.flatMap(latencyRows),
    ].join('\n'),
};

const nameOf = ({ seed, commit }: Series) => `${seed}, ${commit}`;

const sum = ({ rounds }: Series, of: (round: RoundResult) => number) =>
  rounds.reduce((all, round) => all + of(round), 0);

function lossRow(series: Series): string {
  const of = (kind: RoundResult['kind']) => sum(series, (round) => (round.kind === kind ? 1 : 0));
  return tableRow([
    nameOf(series),
    `${of('switchover')}, ${of('failover')}`,
    sum(series, ({ violations }) => violations.length),
    sum(series, ({ writes }) => writes),
    sum(series, ({ lost }) => lost),
    sum(series, ({ lostSaid }) => lostSaid),
    sum(series, ({ lostWrongly }) => lostWrongly),
    sum(series, ({ shown }) => shown),
    pair(series.waitedMs),
  ]);
}

function readsRow(
  series: Series,
  carried: string,
  half: (round: RoundResult) => ReadCounts,
): string {
  const count = (of: (counts: ReadCounts) => number) => sum(series, (round) => of(half(round)));
  const reads = count(
    ({ fresh, stale, undecided, lost, failed, 'not-yet': notYet }) =>
      fresh + stale + undecided + lost + failed + notYet,
  );
  const stale = count((counts) => counts.stale);
  const share = reads === 0 ? 'unknown' : `${((stale / reads) * 100).toFixed(1)} %`;
  return tableRow([
    nameOf(series),
    reads,
    carried,
    `${stale} (${share})`,
    count(({ silentLoss }) => silentLoss),
    count((counts) => counts['not-yet'] + counts.undecided),
    count(({ lost }) => lost),
    count(({ routed }) => routed),
    count(({ failed }) => failed),
  ]);
}

function latencyRows(series: Series): string[] {
  return Object.entries(series.quiet).map(([place, { withToken, withoutToken, waitedMs }]) =>
    tableRow([nameOf(series), place, counted(withToken), counted(withoutToken), pair(waitedMs)]),
  );
}

const pair = (all: Quantiles | null) =>
  all === null ? 'unknown' : `${all.p50.toFixed(1)} / ${all.p99.toFixed(1)}`;

const counted = (all: Quantiles | null) =>
  all === null ? 'unknown' : `${pair(all)} (${all.count})`;
