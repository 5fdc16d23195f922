import { Option } from 'commander';
import { AbortWatch, drillErrors, openDrill } from '../../drills/drills.ts';
import { act } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { whoGives } from '../evidence/who.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { asPerson, mandatory } from '../options.ts';
import { withStops } from '../run/carry-out.ts';
import { factsOf } from './drill.ts';
import { showReport } from './drill-report.ts';
import { DrillRun, Keeping } from './drill-run.ts';

interface Given {
  readonly reason: string;
  readonly takeover?: boolean;
  readonly as?: string;
}

export const drillAbort = act({
  name: 'drill abort',
  says: 'End the open drill early. The terminal of the person who drives it then moves the service back',
  takes: () => [
    asPerson(),
    mandatory(new Option('--reason <text>', 'Reason, shown in the report of the drill')),
    new Option(
      '--takeover',
      'Move the service back from this terminal; only if the one of the driver is gone',
    ),
  ],
  run: abortDrill,
});

/**
 * Ends the open drill early. Its terminal notices within seconds and takes the service back. With
 * `takeover`, for a terminal that is gone, this process takes it back.
 */
async function abortDrill(context: CommandContext, given: Given): Promise<ExitCode> {
  const { terminal, output, session } = context;
  const { reason, takeover = false } = given;
  const by = whoGives(session, given.as);
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
