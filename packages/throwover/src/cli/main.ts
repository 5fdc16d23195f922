/**
 * The command line: a function of arguments, environment and streams.
 *
 *   entry.ts        the process around it
 *   terminal.ts     input and output, and the text of errors
 *   session.ts      an open service: its declaration, its parts, its plans
 *   exit-codes.ts   exit codes for scripts
 *   run/            plan, the kinds of run, resume, abort, halt; runs, show, report; runbook, losses
 *   check/          check
 *   dns/            dns survey, probe, ttl
 *   drill/          drill, finding: prompts, the drill while it runs, its report
 *   evidence/       forecast, metrics; the operating test: baseline, change, audit, week
 *   functions/      functions
 *   processes/      serve, guard, gateway, edge; what `serve` does for each service
 *   text/           columns and words that several commands use
 *   sim.ts          simulation on virtual time
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { checkTimingOf, handKinds } from '../compose/compose.ts';
import { forecastKinds } from '../evidence/evidence.ts';
import { isThrowoverError } from '../kernel/kernel.ts';
import { type RunKind, runKinds } from '../runs/runs.ts';
import { loadService } from '../service/service.ts';
import { checkCommand, fileIsRight } from './check/check.ts';
import type { CommandContext } from './context.ts';
import { dnsCommands } from './dns/dns-commands.ts';
import { drillCommands } from './drill/drill-commands.ts';
import { cliErrors } from './errors.ts';
import { evidenceCommands } from './evidence/evidence-commands.ts';
import { forecastCommand } from './evidence/forecast.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts';
import { functionsCommand } from './functions/functions.ts';
import {
  edge,
  gateway,
  guard,
  guardAcceptCluster,
  guardPreStart,
  serve,
} from './processes/processes.ts';
import { haltCommand } from './run/halt.ts';
import { lossesCommand, resolveLossCommand } from './run/losses.ts';
import { reportCommand } from './run/report.ts';
import {
  abortCommand,
  planCommand,
  replanCommand,
  resumeCommand,
  runCommand,
} from './run/run-commands.ts';
import { runsCommand, showCommand, shownRuns } from './run/run-list.ts';
import { checkRunbook, runbookCommand, runbookFormats } from './run/runbook.ts';
import { withSession } from './session.ts';
import { errorJson, errorText, outputOf, type Terminal } from './terminal.ts';
import { version } from './version.ts';

/** Runs one command and returns its exit code; never throws an error that a user can cause. */
export async function main(terminal: Terminal): Promise<ExitCode> {
  // Read before the arguments are parsed, so that an error in them is reported in the requested
  // form.
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
  // The user asked for help or the version, and it was printed.
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
  const known =
    error instanceof CommanderError
      ? cliErrors.make('usage-wrong', error.message.replace(/^error: /, ''))
      : error;
  if (json) terminal.stdout.write(`${JSON.stringify(errorJson(known))}\n`);
  if (isThrowoverError(known)) {
    if (!json) terminal.stderr.write(errorText(known));
  } else {
    // A bug: its stack is needed to fix it.
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
      // `failed` reports the error once, with code and remedy.
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
    const { clock, random, env, stderr } = terminal;
    const output = outputOf(terminal, options.json === true);
    const say = (text: string) => {
      if (options.json !== true) stderr.write(`${text}\n`);
    };
    const opening = { configPath: options.config, clock, random, env, say };
    return withSession(opening, async (session) =>
      ended(await work({ terminal, output, session })),
    );
  };

  common(program.command('check'))
    .description('the file is right, and every part of the service answers')
    .option('--offline', 'the file alone')
    .option('--adopt', 'put the first generation beside a DNS record that has none')
    .action(async (options) => {
      if (options.offline) {
        const output = outputOf(terminal, options.json === true);
        const loaded = await loadService(options.config);
        checkTimingOf(loaded.service);
        ended(fileIsRight({ output }, loaded));
        return;
      }
      const adopt = options.adopt === true;
      await inSession(options, (context) => checkCommand(context, { adopt }));
    });
  common(program.command('runbook'))
    .description('a run as a document that people can follow with no throwover at hand')
    .addOption(
      new Option('--kind <kind>', 'of run').choices(handKinds).default('switchover' as const),
    )
    .option('--to <region>', 'region that becomes active; the other one where there are two')
    .addOption(
      new Option('--format <format>', 'as what')
        .choices(runbookFormats)
        .default('markdown' as const),
    )
    .option('--check <file>', 'whether this printed one still holds; 1 when it does not')
    .action(({ check, ...options }) =>
      inSession(options, (context) =>
        check === undefined
          ? runbookCommand(context, { ...options, to: options.to })
          : checkRunbook(context, { file: check }),
      ),
    );
  common(program.command('functions'))
    .description('how cold functions would be after a switch, and what each way to warm them costs')
    .option('--to <region>', 'region that would become active')
    .action((options) =>
      inSession(options, (context) => functionsCommand(context, { to: options.to ?? null })),
    );
  common(program.command('plan'))
    .description('what a run would do today, with its digest; changes nothing')
    .addArgument(new Argument('<kind>').choices(runKinds))
    .option('--to <region>', 'region that the run goes to; failback and rejoin know it')
    .action((kind, options) =>
      inSession(options, (context) => planCommand(context, { kind, to: options.to })),
    );
  for (const kind of runKinds) {
    const { says, to, needsTo } = kinds[kind];
    const command = common(program.command(kind)).description(says);
    if (needsTo) command.requiredOption('--to <region>', to);
    else command.option('--to <region>', to);
    approving(command).action((options) =>
      inSession(options, (context) => runCommand(context, { ...options, kind, to: options.to })),
    );
  }
  approving(common(program.command('resume')))
    .description('carry on a run that stands still')
    .argument('[run]', "the service's open run when it is left out")
    .option('--takeover', 'its controller is known to be gone: do not wait for its lease')
    .option('--as-failover', 'from here on it is a failover: its source is lost half-way')
    .action((runId, options) =>
      inSession(options, (context) =>
        options.asFailover
          ? replanCommand(context, { ...options, runId })
          : resumeCommand(context, { runId, takeover: options.takeover === true }),
      ),
    );
  common(program.command('abort'))
    .description('take a run back, where that can still be done')
    .argument('[run]', "the service's open run when it is left out")
    .requiredOption('--reason <text>', 'why; it stands in the journal')
    .option('--leave <step...>', 'end the run although this step cannot be taken back', [])
    .action((runId, { reason, leave, ...options }) =>
      inSession(options, (context) => abortCommand(context, { runId, reason, leave })),
    );
  common(program.command('halt'))
    .description('the kill switch: no run begins, open ones stop at their next safe point')
    .option('--reason <text>', 'throw it; why')
    .option('--off', 'take it back')
    .action(({ reason, off, ...options }) =>
      inSession(options, (context) => haltCommand(context, { reason, off: off === true })),
    );
  const losses = common(program.command('losses'))
    .description('the ledger of writes that a failover lost')
    .option('--run <run>', 'of one rejoin alone')
    .option('--sql', 'as statements for a person to read and run')
    .action((options) =>
      inSession(options, (context) =>
        lossesCommand(context, { run: options.run, sql: options.sql === true }),
      ),
    );
  common(losses.command('resolve'))
    .description('say what became of a lost write')
    .argument('<id>')
    .requiredOption('--note <text>', 'what became of it')
    .action((id, { note }, command: Command) =>
      inSession(command.optsWithGlobals(), (context) => resolveLossCommand(context, { id, note })),
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
  common(program.command('forecast'))
    .description('how long traffic would really take to move, from what was measured')
    .addOption(
      new Option('--kind <kind>', 'of run').choices(forecastKinds).default('switchover' as const),
    )
    .addOption(
      new Option('--share <percent>', 'share of traffic that --what-if compares')
        .choices(['50', '90', '99'] as const)
        .default('99' as const),
    )
    .option(
      '--what-if',
      'beside it: with forwarding, a lower TTL, a data-plane flip, warm functions',
    )
    .option('--seed <seed>', 'dice of an earlier forecast', whole)
    .action(({ kind, share, whatIf, seed, ...options }) =>
      inSession(options, (context) =>
        forecastCommand(context, {
          kind,
          share: shareOf[share as keyof typeof shareOf],
          whatIf: whatIf === true,
          seed,
        }),
      ),
    );
  evidenceCommands(program, common, inSession);
  drillCommands(program, common, inSession);
  dnsCommands(program, { terminal, common, inSession, ended });
  simulation(program, terminal, ended);
  processes(program, terminal);
  return program;
}

/** Adds the command `sim`; its modules are loaded only when it runs. */
function simulation(program: Command, terminal: Terminal, ended: (code: ExitCode) => void): void {
  program
    .command('sim')
    .description('this tool itself on virtual time, with faults, and checkers')
    .option('--seeds <count>', 'how many', whole, 1_000)
    .option('--from <seed>', 'the first one', whole, 1)
    .option('--seed <seed>', 'this one alone', whole)
    .option('--trace', 'with --seed: everything that happens')
    .option('--workers <count>', 'threads', positive, 2)
    .addOption(new Option('--writer-fence <mode>').choices(['available', 'strict']))
    .addOption(new Option('--durability <mode>').choices(['asynchronous', 'synchronous']))
    .addOption(
      new Option('--family <name>', 'what the seeds are about').choices([
        'planned',
        'lost',
        'absent',
        'hand',
        'mixed',
        'unattended',
      ]),
    )
    .option('--json', 'answer with one JSON object on the last line of stdout')
    .action(async (options) => {
      const { simCommand } = await import('./sim.ts');
      ended(await simCommand(terminal, options));
    });
}

/** Adds the commands that listen until they are told to end. */
function processes(program: Command, terminal: Terminal): void {
  const json = ['--json', 'tell errors as one JSON object'] as const;
  program
    .command('serve')
    .description('the store of epochs, leases and journals, in a third place')
    .requiredOption('--data <directory>', 'where the store is')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on', port, 7610)
    .option(
      '--service <file>',
      'look after the service of this throwover.yaml: sample its replication, carry on abandoned runs; may be given again',
      (file: string, before: readonly string[]) => [...before, file],
      [] as readonly string[],
    )
    .option(...json)
    .action((options) => serve(terminal, options));
  const guardCommand = program
    .command('guard')
    .description('the small process beside a database')
    .requiredOption('--config <file>', 'its configuration, JSON')
    .option(
      '--pre-start',
      'write the closed pg_hba.conf and end: for the unit that starts PostgreSQL (ExecStartPre)',
    )
    .option(...json)
    .action(({ config, preStart }) =>
      preStart ? guardPreStart(terminal, config) : guard(terminal, config),
    );
  guardCommand
    .command('accept-cluster')
    .argument('<identifier>', 'system identifier that the database has now (`throwover check`)')
    .description(
      'Accept the cluster of the database on this host, while the other region cannot confirm it',
    )
    .requiredOption('--by <name>', 'your name; the guard keeps it with the time')
    .option(...json)
    .action((identifier: string, _options: object, command: Command) =>
      guardAcceptCluster(terminal, { ...command.optsWithGlobals(), identifier }),
    );
  program
    .command('gateway')
    .description('the webhook gateway of a region')
    .requiredOption('--config <file>', 'its configuration, JSON')
    .option(...json)
    .action((options) => gateway(terminal, options.config));
  program
    .command('edge')
    .description('the front door of a region, before its application: serves, holds, forwards')
    .requiredOption('--config <file>', 'its configuration, JSON')
    .option(...json)
    .action((options) => edge(terminal, options.config));
}

const shareOf = { '50': 't50', '90': 't90', '99': 't99' } as const;

/** Adds the options that approve a plan. */
function approving(command: Command): Command {
  return command
    .option('--yes <digest>', 'go on without asking, if the plan still has this digest')
    .option('--override <name...>', 'accept a refusal by its name', [])
    .option('--second <name>', 'the second person who approved, where the team asks for two');
}

const becomesActive = 'region that becomes active';

const kinds: Readonly<
  Record<RunKind, { readonly says: string; readonly to: string; readonly needsTo: boolean }>
> = {
  switchover: {
    says: 'planned: make another region active, nothing lost',
    to: becomesActive,
    needsTo: true,
  },
  failover: {
    says: 'the active region is lost or sick: go on without it; shows first what would be lost',
    to: becomesActive,
    needsTo: true,
  },
  failback: {
    says: 'home after a failover, planned; only after rejoin and a read ledger',
    to: 'home, as throwover.yaml names it',
    needsTo: false,
  },
  rejoin: {
    says: 'take a region that was left back in, as a standby; it is never opened',
    to: 'region that comes back; the one that is not active where there are two',
    needsTo: false,
  },
  'flip-only': {
    says: 'the naive runbook, for comparison: change the DNS and promote',
    to: becomesActive,
    needsTo: true,
  },
};

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 1_000) return value;
  throw new InvalidArgumentError('expected a whole number from 1 to 1000.');
}

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number below 1000000000.');
}

function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('expected a port, 0 to 65535; 0 takes a free one.');
}
