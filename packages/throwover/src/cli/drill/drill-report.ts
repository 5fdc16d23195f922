import { Argument } from 'commander';
import {
  type Drill,
  type DrillReport,
  drillErrors,
  drillReport,
  type Objective,
  type Outcome,
  reportText,
} from '../../drills/drills.ts';
import { answer } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { factsOf } from './drill.ts';

/** A drill's report, by default the newest. It is built from the records each time. */
export const drillReportCommand = answer({
  name: 'drill report',
  says: 'Show the report of a drill (default: the newest)',
  takes: () => [new Argument('[drill]')],
  look: (session, { drill }: { drill?: string | undefined }) => reportOf(session, drill),
  text: ({ report, zone }) => reportText(report, zone),
  json: ({ report }) => report,
});

/** At the end of a drill: stores the findings that the machine makes, then shows the report. */
export async function showReport(
  { output, session }: CommandContext,
  id: string,
  outcome: Outcome,
): Promise<ExitCode> {
  const { report } = await reportOf(session, id);
  for (const text of missedOf(report)) {
    const body = { event: 'raised', text, source: 'objective-missed', drill: id, runId: null };
    await session.parts.records.append('finding', 'throwover', body);
  }
  const { report: whole, zone } = await reportOf(session, id);
  output.result(whole, `\n${reportText(whole, zone)}`);
  return exitOf[outcome];
}

const exitOf = {
  whole: exitCodes.ok,
  aborted: exitCodes.undone,
  'not-back': exitCodes.interrupted,
  'not-begun': exitCodes.refused,
} as const;

/**
 * Returns the service objectives that a leg missed; a broken abort criterion is a finding already.
 */
function missedOf({ objectives }: DrillReport): readonly string[] {
  return objectives
    .filter(({ met, leg }) => met === false && leg !== null)
    .map((objective) => missedText(objective));
}

function missedText({ name, leg, value, bound }: Objective): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return `${name} not met on the way ${leg}: ${seconds(value ?? 0)}, bound ${seconds(bound)}`;
}

async function reportOf(
  session: Session,
  given: string | undefined,
): Promise<{ report: DrillReport; zone: string }> {
  const { loaded, parts } = session;
  const { drills, findings, policy } = await factsOf(session);
  const drill = given === undefined ? drills.at(-1) : drills.find(({ id }) => id === given);
  if (drill === undefined) {
    const known = drills.map(({ id }) => id).join(', ') || 'none';
    throw drillErrors.make('no-drill', `expected one of ${known}; found ${given ?? 'none'}`);
  }
  const runs = await Promise.all(drill.runs.map(({ runId }) => parts.store.run(runId)));
  const report = drillReport({
    service: loaded.service.name,
    drill,
    runs: new Map(runs.map((run) => [run.runId, run])),
    moves: await parts.records.list('move'),
    findings,
    objectives: loaded.service.objectives,
    criteria: policy.abort,
    first: isFirst(drill, drills),
  });
  return { report, zone: policy.zone };
}

/** Whether this is the first drill that carried out a run. */
function isFirst(drill: Drill, drills: readonly Drill[]): boolean {
  return drills.find(({ runs }) => runs.length > 0)?.id === drill.id;
}
