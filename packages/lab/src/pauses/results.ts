import { z } from 'zod';
import { provenance, type SeriesKind, tableRow } from '../results/series.ts';
import { parts } from './parts.ts';

/** One round in the committed results. */
const roundSchema = z.object({
  round: z.number(),
  from: z.string(),
  active: z.string(),
  violations: z.array(z.string()),
  /** Number of plans until the switchover was done. */
  tries: z.number(),
  pauses: z.array(z.object({ part: z.enum(parts), ms: z.number() })),
  acknowledged: z.number(),
  lostAcknowledged: z.number(),
  failed: z.number(),
  writeGapMs: z.number().nullable(),
  webhooks: z.number(),
  tookMs: z.number(),
});
export type PausesRound = z.infer<typeof roundSchema>;

const seriesSchema = z.object({
  ...provenance,
  requestsPerSecond: z.number(),
  rounds: z.array(roundSchema),
});
type Series = z.infer<typeof seriesSchema>;

export const pausesSeries: SeriesKind<Series> = {
  name: 'pauses',
  schema: seriesSchema,
  render: tableOf,
};

function tableOf(all: readonly Series[]): string {
  const rows = all.map(({ seed, commit, rounds }) => {
    const sum = (of: (round: PausesRound) => number) =>
      rounds.reduce((total, round) => total + of(round), 0);
    const violating = rounds.filter(({ violations }) => violations.length > 0).length;
    const pauses = rounds.flatMap((round) => round.pauses);
    const seconds = Math.round(pauses.reduce((total, { ms }) => total + ms, 0) / 1_000);
    const gaps = rounds.flatMap(({ writeGapMs }) => writeGapMs ?? []);
    const cells = [
      ...[seed, commit.slice(0, 7), rounds.length, violating],
      `${pauses.length} (${seconds} s)`,
      sum(({ acknowledged }) => acknowledged),
      sum(({ lostAcknowledged }) => lostAcknowledged),
      sum(({ failed }) => failed),
      gaps.length === 0 ? '-' : Math.round(Math.max(...gaps)),
    ];
    return tableRow(cells);
  });
  return [
    '## `npm run pauses`',
    '',
    'Switchovers back and forth while processes of the lab are paused one after the other, 0.2 to 12 s each',
    '([chaos.md](../chaos.md)). Generated from pauses.jsonl.',
    '',
    '| Seed | Commit | Switchovers | Violations | Pauses | Acknowledged writes | Lost of them | Failed requests | Longest write gap (ms) |',
    '| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n');
}
