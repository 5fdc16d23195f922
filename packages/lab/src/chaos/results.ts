import { quantiles } from 'throwover/kernel';
import { z } from 'zod';
import { provenance, type SeriesKind, tableRow } from '../results/series.ts';
import { roundFigures } from './oracle.ts';

/** One round in the committed results. */
const roundSchema = z.object({
  round: z.number(),
  from: z.string(),
  violations: z.array(z.string()),
  lossBoundMs: z.number(),
  tookMs: z.number(),
  ...roundFigures.shape,
});
export type RoundResult = z.infer<typeof roundSchema>;

/** One invocation: a number of rounds of one kind. */
const seriesSchema = z.object({
  kind: z.string(),
  fence: z.enum(['available', 'strict']),
  ...provenance,
  latencyMs: z.number(),
  /** Older series, without this field, were played at 40. */
  requestsPerSecond: z.number().default(40),
  rounds: z.array(roundSchema),
});
type Series = z.infer<typeof seriesSchema>;

export const chaosSeries: SeriesKind<Series> = {
  name: 'chaos',
  schema: seriesSchema,
  render: tableOf,
};

/** Returns the table: for each kind and fence, the rounds so far and their figures. */
function tableOf(all: readonly Series[]): string {
  const groups = new Map<string, RoundResult[]>();
  for (const { kind, fence, rounds } of all) {
    const name = `${kind}, ${fence}`;
    groups.set(name, [...(groups.get(name) ?? []), ...rounds]);
  }
  const rows = [...groups].sort(([a], [b]) => a.localeCompare(b)).map(rowOf);
  return [
    '## `npm run chaos`',
    '',
    'Real processes under load; every round is judged by what clients and both databases hold',
    '([chaos.md](../chaos.md)). Generated from chaos.jsonl, which holds seeds and commits.',
    '',
    '| Kind, fence | Rounds | Violations | Acknowledged writes | Lost of them | Oldest lost, of bound (ms) | Late commits (window, ms) | Fault to first write, median / max (ms) | Approval to first write, median / max (ms) | Write gap, median / max (ms) |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n');
}

function rowOf([name, rounds]: [string, RoundResult[]]): string {
  const sum = (of: (round: RoundResult) => number) =>
    rounds.reduce((all, round) => all + of(round), 0);
  const most = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? '-' : String(Math.round(Math.max(...known)));
  };
  const middle = (of: (round: RoundResult) => number | null) => {
    const known = rounds.map(of).filter((value) => value !== null);
    const all = quantiles(known);
    return all === null ? '-' : `${Math.round(all.p50)} / ${Math.round(all.max)}`;
  };
  const late = sum(({ lateCommits }) => lateCommits);
  return tableRow([
    name,
    rounds.length,
    rounds.filter(({ violations }) => violations.length > 0).length,
    sum(({ acknowledged }) => acknowledged),
    sum(({ lostAcknowledged }) => lostAcknowledged),
    `${most(rounds.map(({ lossMs }) => lossMs))} of ${most(rounds.map(({ lossBoundMs }) => lossBoundMs))}`,
    late === 0 ? '0' : `${late} (${most(rounds.map(({ lateWindowMs }) => lateWindowMs))})`,
    middle(({ faultToWriteMs }) => faultToWriteMs),
    middle(({ approvalToWriteMs }) => approvalToWriteMs),
    middle(({ writeGapMs }) => writeGapMs),
  ]);
}
