import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { verdicts } from '../../improvement/improvement.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import { auditCommand, auditFormats } from './audit.ts';
import { captureBaseline, listBaselines, listMetrics } from './baseline.ts';
import {
  amendChange,
  listChanges,
  newChange,
  retireChange,
  reviewChange,
  shipChange,
  showChange,
} from './change.ts';
import { dashboardCommand, listFamilies, rulesCommand } from './metrics.ts';
import { taskDone, weekCommand, weekFormats } from './week.ts';
import { sendWeek } from './week-send.ts';

/**
 * Defines the commands and options of baseline, metrics, change, audit and week. `common` adds the
 * options that every command of a service has.
 */
export function evidenceCommands(
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

  const baseline = program
    .command('baseline')
    .description('a metric over whole weeks, captured before something is changed');
  given(add(baseline, 'capture <name>', 'keep the whole weeks before last midnight (UTC) for good'))
    .requiredOption('--metric <name>', 'what is captured: `throwover baseline metrics`')
    .option('--weeks <count>', 'how many whole weeks', weeks, 8)
    .option('--quantile <number>', 'judge by this one instead of the usual, such as 0.9', quantile)
    .action((name, options) =>
      inSession(options, (context) => captureBaseline(context, { ...options, name })),
    );
  add(baseline, 'list', 'what was captured').action((options) => inSession(options, listBaselines));
  add(baseline, 'metrics', 'what can be captured').action((options) =>
    inSession(options, listMetrics),
  );

  const told = program
    .command('metrics')
    .description('what `GET /metrics` of serve tells; its dashboard and its alerts');
  const file = ['--out <file>', 'where to write it; stdout when it is left out'] as const;
  add(told, 'list', 'every metric with its unit and labels').action((options) =>
    inSession(options, listFamilies),
  );
  add(told, 'dashboard', 'for Grafana, JSON')
    .option(...file)
    .action(({ out, ...options }) =>
      inSession(options, (context) => dashboardCommand(context, out)),
    );
  add(told, 'rules', 'alert rules for Prometheus, YAML')
    .option(...file)
    .action(({ out, ...options }) => inSession(options, (context) => rulesCommand(context, out)));

  const change = program
    .command('change')
    .description('an improvement with its baseline, its trade-off, its owner and its review');
  fillable(
    given(add(change, 'new <name>', 'a draft; says whether 30 days will tell anything'))
      .requiredOption('--hypothesis <text>', 'what shall become better, and why')
      .requiredOption('--metric <name>', 'by which it is judged')
      .requiredOption('--baseline <name>', 'how it was before')
      .requiredOption('--expect <share>', 'expected change of the metric, such as --expect=-20%')
      .option(
        '--trade-off <KIND=NUMBER UNIT: NOTE>',
        'what is paid: latency, money, complexity, time; may be given again',
        more,
        [],
      )
      .option('--drills <count>', 'drills that will be held before its review', drills, 0),
  ).action((name, options) =>
    inSession(options, (context) => newChange(context, { ...options, name })),
  );
  fillable(given(add(change, 'amend <name>', 'fill in what it lacks'))).action((name, options) =>
    inSession(options, (context) => amendChange(context, { ...options, name })),
  );
  given(add(change, 'ship <name>', 'it is in production; its review opens in 30 days')).action(
    (name, options) => inSession(options, (context) => shipChange(context, { ...options, name })),
  );
  given(
    add(change, 'review <name>', "what it has changed so far; with a verdict, its owner's word"),
  )
    .addOption(new Option('--verdict <verdict>', 'what becomes of it').choices(verdicts))
    .option('--cost <KIND=NUMBER UNIT: NOTE>', 'what it really cost; may be given again', more, [])
    .option('--reason <text>', 'why; needed to keep what has not shown itself')
    .action((name, options) =>
      inSession(options, (context) => reviewChange(context, { ...options, name })),
    );
  given(add(change, 'retire <name>', 'it is taken back, or came to nothing'))
    .requiredOption('--reason <text>', 'why')
    .action((name, options) =>
      inSession(options, (context) => retireChange(context, { ...options, name })),
    );
  add(change, 'list', 'all of them').action((options) => inSession(options, listChanges));
  add(change, 'show <name>', 'one of them').action((name, options) =>
    inSession(options, (context) => showChange(context, { name })),
  );

  add(program, 'audit', 'the operating test: what is real, and what is a slide; 1 for a slide')
    .addOption(new Option('--format <format>', 'as what').choices(auditFormats).default('text'))
    .action((options) => inSession(options, (context) => auditCommand(context, options)));

  const week = add(program, 'week', "an engineer's tasks of this week; everybody's without a name")
    .addArgument(new Argument('[person]', 'of onCall'))
    .addOption(new Option('--format <format>', 'as what').choices(weekFormats).default('text'))
    .option('--out <file>', 'where to write it; stdout when it is left out')
    .option('--send', "everybody's tasks as issues (week.github), and to webhooks and e-mail")
    .action((person, { send, ...options }) =>
      inSession(options, (context) => {
        if (send !== true) return weekCommand(context, { ...options, person });
        if (person === undefined && options.out === undefined) return sendWeek(context);
        throw cliErrors.make('usage-wrong', "--send sends everybody's week: no PERSON, no --out");
      }),
    );
  given(
    add(
      week,
      'done <task>',
      'your word that a task is done: truth NAME, change NAME, drill DATE plan',
    ),
  )
    .option('--note <text>', 'what was seen')
    .action((task, _, command) => {
      const options = command.optsWithGlobals();
      return inSession(options, (context) => taskDone(context, { ...options, task }));
    });
}

/** Adds the options for values that may still be missing in a draft. */
function fillable(command: Command): Command {
  return command
    .option('--owner <person>', 'who answers for it; who gives the command when it is left out')
    .option('--panel <name>', 'where it is seen: a panel of throwover.yaml that shows the metric')
    .option('--step <name>', 'the runbook step that it is in')
    .option('--task <text>', 'what its owner does for it each week');
}

const more = (text: string, before: readonly string[]): readonly string[] => [...before, text];

const weeks = (text: string) => whole(text, 1, 52);
const drills = (text: string) => whole(text, 0, 100);

function whole(text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
}

function quantile(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError('expected a number between 0 and 1.');
}
