import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { type RunEvidence, stepsOf } from '../../evidence/evidence.ts';
import { isoTime } from '../../kernel/kernel.ts';
import type { Service } from '../../service/service.ts';
import type { RunState } from '../../store/store.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';

/**
 * `throwover report RUN`: writes one HTML file and the same content as JSON. Without `evidence`,
 * figures that need clients' records have a count of 0.
 */
export async function reportCommand(
  { output, session, terminal }: CommandContext,
  options: { runId: string; out: string; evidence?: string },
): Promise<ExitCode> {
  const { measure, renderReport } = await import('../../evidence/evidence.ts');
  const run = await session.parts.store.run(options.runId);
  const nowMs = terminal.clock.wallMs();
  const evidence =
    options.evidence === undefined
      ? fromJournal(run, session.loaded.service, nowMs)
      : await readEvidence(options.evidence, run.runId);
  const report = await renderReport({
    runs: [{ evidence, figures: measure(evidence) }],
    title: `${run.kind} of ${run.service}, ${run.from} to ${run.to}`,
    generatedAt: isoTime(nowMs),
    provenance: { run: run.runId, source: options.evidence ?? "the run's journal alone" },
  });
  const directory = resolve(options.out);
  await mkdir(directory, { recursive: true });
  const html = resolve(directory, `${run.runId}.html`);
  const json = resolve(directory, `${run.runId}.json`);
  await writeFile(html, report.html);
  await writeFile(json, report.json);
  output.result({ html, json }, `${html}\n${json}`);
  return exitCodes.ok;
}

function fromJournal(run: RunState, service: Service, nowMs: number): RunEvidence {
  const { runId, kind, from, to, startedWallMs, endedWallMs } = run;
  return {
    runId,
    kind,
    from,
    to,
    timeScale: service.timeScale,
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
