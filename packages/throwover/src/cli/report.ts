import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RunEvidence, StepRecord } from '../evidence/evidence.ts';
import { isoTime } from '../kernel/kernel.ts';
import { storedPlan } from '../runbook/runbook.ts';
import type { Service } from '../service/service.ts';
import type { RunState } from '../store/store.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import type { CommandContext } from './run-commands.ts';

/** `throwover report RUN`: what the journal says, as one HTML file and JSON. Figures that need clients' records are unknown. */
export async function reportCommand(
  { output, session, terminal }: CommandContext,
  options: { runId: string; directory: string },
): Promise<ExitCode> {
  const { measure, renderReport } = await import('../evidence/evidence.ts');
  const run = await session.parts.store.run(options.runId);
  const nowMs = terminal.clock.wallMs();
  const evidence = evidenceOf(run, session.loaded.service, nowMs);
  const report = await renderReport({
    runs: [{ evidence, figures: measure(evidence) }],
    title: `${run.kind} of ${run.service}, ${run.from} to ${run.to}`,
    generatedAt: isoTime(nowMs),
    provenance: { run: run.runId, source: "the run's journal" },
  });
  const directory = resolve(options.directory);
  await mkdir(directory, { recursive: true });
  const html = resolve(directory, `${run.runId}.html`);
  const json = resolve(directory, `${run.runId}.json`);
  await writeFile(html, report.html);
  await writeFile(json, report.json);
  output.result({ html, json }, `${html}\n${json}`);
  return exitCodes.ok;
}

function evidenceOf(run: RunState, service: Service, nowMs: number): RunEvidence {
  const { runId, kind, from, to, records, startedWallMs, endedWallMs } = run;
  const flip = records.find((record) => record.type === 'outcome' && record.step === 'flip');
  const flippedMs = flip?.type === 'outcome' ? flip.evidence['atWallMs'] : null;
  return {
    runId,
    kind,
    from,
    to,
    timeScale: service.timeScale,
    objectives: service.objectives,
    fromMs: startedWallMs,
    toMs: endedWallMs ?? nowMs,
    firstActMs: records.find(({ type }) => type === 'intent')?.wallMs ?? startedWallMs,
    flippedMs: typeof flippedMs === 'number' ? flippedMs : null,
    steps: stepsOf(run),
    requests: [],
    webhooks: [],
    lag: [],
    survivors: { region: to, orderKeys: [], events: [] },
  };
}

function stepsOf(run: RunState): readonly StepRecord[] {
  const titles = new Map(storedPlan(run).steps.map(({ name, title }) => [name, title]));
  return run.records.flatMap((record): readonly StepRecord[] => {
    if (record.type !== 'outcome' && record.type !== 'step-failed') return [];
    return [
      {
        name: record.step,
        title: titles.get(record.step) ?? record.step,
        startMs: record.wallMs - record.durationMs,
        endMs: record.wallMs,
        kind: record.type === 'outcome' ? record.kind : 'machine',
        result: record.type === 'outcome' ? record.result : 'failed',
      },
    ];
  });
}
