import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Argument, Option } from 'commander';
import { z } from 'zod';
import { type RunEvidence, stepsOf } from '../../evidence/evidence.ts';
import { isoTime } from '../../kernel/kernel.ts';
import type { Service } from '../../service/service.ts';
import type { RunState } from '../../store/store.ts';
import { answer } from '../command.ts';
import { cliErrors } from '../errors.ts';

/**
 * Writes one HTML file and the same content as JSON. Without `evidence`, figures that need clients'
 * records have a count of 0.
 */
export const report = answer({
  name: 'report',
  says: 'Write the report of a run as one HTML file and as JSON',
  takes: () => [
    new Argument('<run>'),
    new Option('--out <directory>', 'Directory to write to').default('reports'),
    new Option(
      '--evidence <file>',
      'Records of what clients saw (evidence.json of the lab); without it the report uses the journal alone',
    ),
  ],
  look: async (
    { parts, loaded, clock },
    given: { run: string; out: string; evidence?: string },
  ) => {
    const { measure, renderReport } = await import('../../evidence/evidence.ts');
    const run = await parts.store.run(given.run);
    const nowMs = clock.wallMs();
    const evidence =
      given.evidence === undefined
        ? fromJournal(run, loaded.service, nowMs)
        : await readEvidence(given.evidence, run.runId);
    const rendered = await renderReport({
      runs: [{ evidence, figures: measure(evidence) }],
      title: `${run.kind} of ${run.service}, ${run.from} to ${run.to}`,
      generatedAt: isoTime(nowMs),
      provenance: { run: run.runId, source: given.evidence ?? "the run's journal alone" },
    });
    const directory = resolve(given.out);
    await mkdir(directory, { recursive: true });
    const html = resolve(directory, `${run.runId}.html`);
    const json = resolve(directory, `${run.runId}.json`);
    await writeFile(html, rendered.html);
    await writeFile(json, rendered.json);
    return { html, json };
  },
  text: ({ html, json }) => `${html}\n${json}`,
});

function fromJournal(run: RunState, service: Service, nowMs: number): RunEvidence {
  const { runId, kind, from, to, startedWallMs, endedWallMs } = run;
  return {
    runId,
    kind,
    from,
    to,
    timeScale: service.timeScale.factor,
    objectives: service.objectives,
    fromMs: startedWallMs,
    toMs: endedWallMs ?? nowMs,
    ...stepsOf(run),
    requests: [],
    webhooks: [],
    lag: [],
    survivors: { region: to, orderKeys: [], events: [] },
  };
}

/** Checks only that this is evidence, and of this run; a program wrote its records. */
const evidenceSchema = z.looseObject({
  runId: z.string(),
  timeScale: z.number().positive(),
  objectives: z.object({ rtoMs: z.number(), rpoMs: z.number() }),
  steps: z.array(z.looseObject({ name: z.string() })),
  requests: z.array(z.looseObject({ type: z.literal('request') })),
  webhooks: z.array(z.looseObject({ type: z.literal('webhook') })),
  lag: z.array(z.looseObject({ type: z.literal('lag') })),
  survivors: z.object({
    region: z.string(),
    orderKeys: z.array(z.string()),
    events: z.array(z.unknown()),
  }),
});

async function readEvidence(path: string, runId: string): Promise<RunEvidence> {
  const wrong = (reason: string, cause?: unknown) =>
    cliErrors.make('evidence-wrong', `${path}: ${reason}`, { path, runId }, cause);
  let data: unknown;
  try {
    data = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error), error);
  }
  const parsed = evidenceSchema.safeParse(data);
  if (!parsed.success) throw wrong(z.prettifyError(parsed.error), parsed.error);
  if (parsed.data.runId !== runId) throw wrong(`it is of run ${parsed.data.runId}, not ${runId}`);
  return data as RunEvidence;
}
