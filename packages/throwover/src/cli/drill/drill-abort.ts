import { AbortWatch, drillErrors, openDrill } from '../../drills/drills.ts';
import type { CommandContext } from '../context.ts';
import { whoGives } from '../evidence/who.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { withStops } from '../run/carry-out.ts';
import { factsOf } from './drill.ts';
import { showReport } from './drill-report.ts';
import { DrillRun, Keeping } from './drill-run.ts';

/**
 * `throwover drill abort`: ends the open drill early. Its terminal notices within seconds and takes
 * the service back. With `takeover`, for a terminal that is gone, this process takes it back.
 */
export async function drillAbort(
  context: CommandContext,
  options: { reason: string; takeover: boolean; as?: string },
): Promise<ExitCode> {
  const { terminal, output, session } = context;
  const { reason, takeover } = options;
  const by = whoGives(context, options.as);
  const { drills, policy } = await factsOf(session);
  const drill = openDrill(drills);
  if (drill === null) throw drillErrors.make('no-drill', 'no drill goes on');
  const asked = { event: 'abort-requested', drill: drill.id, reason, source: 'person' } as const;
  await session.parts.records.append('drill', by, asked);
  if (!takeover) {
    output.result(
      { drill: drill.id, asked: true },
      `Asked: the terminal of ${drill.driver} takes ${drill.id} back.\nIf that terminal is gone: throwover drill abort --takeover --reason TEXT`,
    );
    return exitCodes.ok;
  }
  return withStops(terminal, async ({ leaveSignal }) => {
    const keeping = new Keeping(context);
    const watch = new AbortWatch(policy.abort);
    const records = await session.parts.records.list('drill');
    const run = new DrillRun(context, drill, { keeping, watch, records });
    const back = await run.back(by, leaveSignal);
    run.raise('aborted', `ended early by ${by}, its terminal gone: ${reason}`, null);
    const moved = drill.runs.length > 0;
    const outcome = back ? (moved ? 'aborted' : 'not-begun') : 'not-back';
    await run.close(outcome, reason, by);
    return showReport(context, drill.id, outcome);
  });
}
