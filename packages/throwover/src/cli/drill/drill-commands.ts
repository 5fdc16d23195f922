import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { drillCalendar, drillHistory, drillNext, drillPeople, drillPlan } from './drill.ts';
import { drillAbort } from './drill-abort.ts';
import { drillReportCommand } from './drill-report.ts';
import { drillStart } from './drill-start.ts';
import { addFinding, closeFinding, listFindings, taskFinding, waiveFinding } from './finding.ts';

/**
 * Defines the commands and options of drill and finding. `common` adds the options that every
 * command of a service has.
 */
export function drillCommands(
  program: Command,
  common: (command: Command) => Command,
  inSession: (
    options: { config: string; json?: boolean },
    work: (context: CommandContext) => Promise<ExitCode>,
  ) => Promise<void>,
): void {
  const add = (parent: Command, usage: string, says: string) =>
    common(parent.command(usage)).description(says);
  const given = (command: Command) =>
    command.option('--as <person>', 'who you are: a person of onCall');

  const drill = program
    .command('drill')
    .description('rehearsals in production: planned, driven by a person, remembered');
  add(drill, 'plan', 'the next ones: when, what moved them, who drives')
    .option('--count <number>', 'how many', few, 6)
    .action((options) => inSession(options, (context) => drillPlan(context, options)));
  add(drill, 'next', 'the one that comes, or is due').action((options) =>
    inSession(options, drillNext),
  );
  add(drill, 'history', 'those that were').action((options) => inSession(options, drillHistory));
  add(drill, 'people', 'what each driver remembers, and for how long; no ranking').action(
    (options) => inSession(options, drillPeople),
  );
  add(drill, 'calendar', 'the next ones as iCalendar')
    .option('--out <file>', 'where to write it; stdout when it is left out')
    .option('--count <number>', 'how many', few, 8)
    .action((options) => inSession(options, (context) => drillCalendar(context, options)));
  add(drill, 'start', 'drive one now: there, soak, back; its report')
    .option('--to <region>', 'where to; the other region where there are two')
    .option('--override <name...>', 'accept a refusal by its name; it becomes a finding', [])
    .action((options) => inSession(options, (context) => drillStart(context, options)));
  given(add(drill, 'abort', 'end the one that goes on, with the way back'))
    .requiredOption('--reason <text>', 'why; it stands in its report')
    .option('--takeover', 'its terminal is gone: take it back from here')
    .action(({ takeover, ...options }) =>
      inSession(options, (context) =>
        drillAbort(context, { ...options, takeover: takeover === true }),
      ),
    );
  add(
    drill,
    'report [drill]',
    'what one has shown, from its journals; the newest without a name',
  ).action((name, options) =>
    inSession(options, (context) => drillReportCommand(context, { drill: name })),
  );

  const finding = program
    .command('finding')
    .description('what drills and runs have shown: each becomes a task, or is waived by name');
  given(add(finding, 'add <text>', 'raise one; of the drill that goes on, if one does'))
    .option('--run <run>', 'of which run')
    .action((text, options) =>
      inSession(options, (context) => addFinding(context, { ...options, text })),
    );
  given(add(finding, 'task <finding>', 'somebody owns it, until a date'))
    .requiredOption('--owner <person>', 'a person of onCall')
    .requiredOption('--due <date>', 'the last day, such as 2026-11-20')
    .action((id, options) =>
      inSession(options, (context) => taskFinding(context, { ...options, id })),
    );
  given(add(finding, 'waive <finding>', 'nothing is done about it'))
    .requiredOption('--reason <text>', 'why')
    .action((id, options) =>
      inSession(options, (context) => waiveFinding(context, { ...options, id })),
    );
  given(add(finding, 'close <finding>', 'it is mended'))
    .requiredOption('--note <text>', 'what was done')
    .action((id, options) =>
      inSession(options, (context) => closeFinding(context, { ...options, id })),
    );
  add(finding, 'list', 'those that wait for somebody')
    .option('--all', 'the settled ones too')
    .action(({ all, ...options }) =>
      inSession(options, (context) => listFindings(context, { all: all === true })),
    );
}

function few(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 40) return value;
  throw new InvalidArgumentError('expected a whole number from 1 to 40.');
}
