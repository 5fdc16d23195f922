import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { spreadSchema } from '../figures.ts';

const file = new URL('recorded.json', import.meta.url);

const recordedSwitchover = z.strictObject({
  /** A day, ISO 8601. */
  date: z.string(),
  conditions: z.string(),
  latencies: z.array(
    z.strictObject({
      latencyMs: z.number(),
      /** By contender, ms; all from one run, so that their ratios are valid. */
      writeGapMs: z.record(z.string(), spreadSchema),
    }),
  ),
});
const recordedFailover = z.strictObject({
  date: z.string(),
  conditions: z.string(),
  losses: z.array(
    z.strictObject({
      latencyMs: z.number(),
      loss: z.string(),
      rounds: z.number().int().positive(),
      lossToFirstWriteMs: z.record(z.string(), spreadSchema),
      /** Rounds that are in no figure: no write on the other side in the allowed time. */
      neverWritten: z.record(z.string(), z.number().int().nonnegative()),
    }),
  ),
});

/**
 * The last full run with the peers, stored so that a quick run can show figures that it cannot
 * measure.
 */
const recordedFile = z.strictObject({
  switchover: recordedSwitchover.nullable(),
  failover: recordedFailover.nullable(),
});
export type Recorded = z.infer<typeof recordedFile>;

export async function readRecorded(): Promise<Recorded> {
  return recordedFile.parse(JSON.parse(await readFile(file, 'utf8')));
}

export async function record(change: Partial<Recorded>): Promise<void> {
  const recorded = recordedFile.parse({ ...(await readRecorded()), ...change });
  // A tenth of a millisecond is already finer than the agreement between repeated runs.
  const rounded = (_name: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 10) / 10 : value;
  await writeFile(file, `${JSON.stringify(recorded, rounded, 2)}\n`);
}
