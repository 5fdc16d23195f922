/**
 * The command line: a function of arguments, environment and streams.
 *
 *   entry.ts          the process around it
 *   session.ts        a service at work: what was declared, its parts, its plans
 *   terminal.ts       what it reads and writes, and how errors are said
 *   exit-codes.ts     what a script can tell
 *   run-commands.ts   plan, switchover, flip-only, resume
 *   confirm.ts        typed confirmation
 *   plan-text.ts      a plan for people
 *   progress-view.ts  a run as it is shown: pure
 *   live.ts           shows it while it goes on
 *   run-list.ts       runs, show
 *   report.ts         report
 *   check.ts          check
 *   processes.ts      serve, guard, gateway
 */
import { createRequire } from 'node:module';
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { isThrowoverError } from '../kernel/kernel.ts';
import { runKinds } from '../runs/runs.ts';
import { loadService } from '../service/service.ts';
import { checkCommand, fileIsRight } from './check.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts';
import { gateway, guard, serve } from './processes.ts';
import { reportCommand } from './report.ts';
import { type CommandContext, planCommand, resumeCommand, runCommand } from './run-commands.ts';
import { runsCommand, showCommand, shownRuns } from './run-list.ts';
import { withSession } from './session.ts';
import { errorJson, errorText, outputOf, type Terminal } from './terminal.ts';

/** Runs one command and gives its exit code; never throws for what a user can meet. */
export async function main(terminal: Terminal): Promise<ExitCode> {
  // Seen before the arguments are parsed, so that a wrong argument is told in the form asked for.
  const json = terminal.argv.includes('--json');
  let code: ExitCode = exitCodes.ok;
  try {
    const program = commands(terminal, (ended) => {
      code = ended;
    });
    await program.parseAsync([...terminal.argv], { from: 'user' });
    return code;
  } catch (error) {
    return failed(terminal, json, error);
  }
}

function failed(terminal: Terminal, json: boolean, error: unknown): ExitCode {
  // Help and version were asked for and printed.
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
  const known =
    error instanceof CommanderError
      ? cliErrors.make('usage-wrong', error.message.replace(/^error: /, ''))
      : error;
  if (json) terminal.stdout.write(`${JSON.stringify(errorJson(known))}\n`);
  if (isThrowoverError(known)) {
    if (!json) terminal.stderr.write(errorText(known));
  } else {
    // A bug: its stack is what is needed to mend it.
    terminal.stderr.write(`${known instanceof Error ? known.stack : String(known)}\n`);
  }
  return exitCodeOf(known);
}

function commands(terminal: Terminal, ended: (code: ExitCode) => void): Command {
  const program = new Command('throwover')
    .description('Rehearses and performs failovers between regions, and measures what they cost')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // Told once, with code and remedy, by `failed`.
      writeErr: () => {},
    });
  const common = (command: Command) =>
    command
      .option('--config <file>', 'what the team declares', 'throwover.yaml')
      .option('--json', 'answer with one JSON object on the last line of stdout');
  const inSession = (
    options: { config: string; json?: boolean },
    work: (context: CommandContext) => Promise<ExitCode>,
  ) => {
    const { clock, env } = terminal;
    const output = outputOf(terminal, options.json === true);
    return withSession({ configPath: options.config, clock, env }, async (session) =>
      ended(await work({ terminal, output, session })),
    );
  };
  const to = ['--to <region>', 'region that becomes active'] as const;

  common(program.command('check'))
    .description('the file is right, and every part of the service answers')
    .option('--offline', 'the file alone')
    .option('--adopt', 'put the first generation beside a DNS record that has none')
    .action(async (options) => {
      if (options.offline) {
        const output = outputOf(terminal, options.json === true);
        ended(fileIsRight({ output }, await loadService(options.config)));
        return;
      }
      const adopt = options.adopt === true;
      await inSession(options, (context) => checkCommand(context, { adopt }));
    });
  common(program.command('plan'))
    .description('what a run would do today, with its digest; changes nothing')
    .addArgument(new Argument('<kind>').choices(runKinds))
    .requiredOption(...to)
    .action((kind, options) =>
      inSession(options, (context) => planCommand(context, { kind, to: options.to })),
    );
  for (const kind of runKinds) {
    common(program.command(kind))
      .description(kinds[kind])
      .requiredOption(...to)
      .option('--yes <digest>', 'go on without asking, if the plan still has this digest')
      .option('--override <name...>', 'accept a refusal by its name', [])
      .action((options) =>
        inSession(options, (context) => runCommand(context, { kind, ...options })),
      );
  }
  common(program.command('resume'))
    .description('carry on a run that stands still')
    .argument('[run]', "the service's open run when it is left out")
    .option('--takeover', 'its controller is known to be gone: do not wait for its lease')
    .action((runId, options) =>
      inSession(options, (context) =>
        resumeCommand(context, { runId, takeover: options.takeover === true }),
      ),
    );
  common(program.command('runs'))
    .description('runs of the service, newest first')
    .option('--limit <count>', 'how many', positive, shownRuns)
    .action((options) => inSession(options, (context) => runsCommand(context, options)));
  common(program.command('show'))
    .description('a run and its journal')
    .argument('<run>')
    .action((runId, options) => inSession(options, (context) => showCommand(context, { runId })));
  common(program.command('report'))
    .description('a run as one HTML file, and as JSON')
    .argument('<run>')
    .option('--out <directory>', 'where to write them', 'reports')
    .option(
      '--evidence <file>',
      "what clients saw (the lab's evidence.json); else the journal alone",
    )
    .action((runId, options) =>
      inSession(options, (context) => reportCommand(context, { runId, ...options })),
    );
  processes(program, terminal);
  return program;
}

/** What listens until it is told to end. */
function processes(program: Command, terminal: Terminal): void {
  const json = ['--json', 'tell errors as one JSON object'] as const;
  program
    .command('serve')
    .description('the store of epochs, leases and journals, in a third place')
    .requiredOption('--data <directory>', 'where the store is')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on', port, 7610)
    .option(...json)
    .action((options) => serve(terminal, options));
  program
    .command('guard')
    .description('the small process beside a database')
    .requiredOption('--config <file>', 'its configuration, JSON')
    .option(...json)
    .action((options) => guard(terminal, options.config));
  program
    .command('gateway')
    .description('the webhook gateway of a region')
    .requiredOption('--config <file>', 'its configuration, JSON')
    .option(...json)
    .action((options) => gateway(terminal, options.config));
}

const kinds = {
  switchover: 'planned: make another region active, nothing lost',
  'flip-only': 'the naive runbook, for comparison: change the DNS and promote',
} as const;

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 1_000) return value;
  throw new InvalidArgumentError('expected a whole number from 1 to 1000.');
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('expected a port, 0 to 65535; 0 takes a free one.');
}

function version(): string {
  const read = createRequire(import.meta.url);
  return (read('../../package.json') as { version: string }).version;
}
