/**
 * The command line: a function of arguments, environment and streams.
 *
 *   entry.ts        the process around it
 *   command.ts      commands as data, and what carries them out; options.ts: what several take
 *   terminal.ts     input and output, and errors as JSON
 *   session.ts      an open service: its declaration, its parts, its plans
 *   exit-codes.ts   exit codes for scripts
 *   run/            plan, the kinds of run, resume, abort, halt; runs, show, report; runbook, losses
 *   check/          check
 *   dns/            dns survey, probe, ttl
 *   drill/          drill, finding: prompts, the drill while it runs, its report
 *   evidence/       forecast, metrics; the operating test: baseline, change, audit, week
 *   functions/      functions
 *   pki/            pki: certificates of the machines
 *   processes/      serve, guard, gateway, edge; what `serve` does for each service
 *   text/           columns and words that several commands use
 *   sim.ts          simulation on virtual time
 */
import { Command, CommanderError, Option } from 'commander';
import { errorText, isThrowoverError } from '../kernel/kernel.ts';
import { check } from './check/check.ts';
import { addCommands, bare, type CommandSpec, jsonAnswer } from './command.ts';
import { dnsCommands } from './dns/dns-commands.ts';
import { drillCommands } from './drill/drill-commands.ts';
import { cliErrors } from './errors.ts';
import { evidenceCommands } from './evidence/evidence-commands.ts';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts';
import { functions } from './functions/functions.ts';
import { whole } from './options.ts';
import { pkiCommands } from './pki/pki-commands.ts';
import { processCommands } from './processes/process-commands.ts';
import { halt } from './run/halt.ts';
import { losses, resolveLoss } from './run/losses.ts';
import { renumber } from './run/renumber.ts';
import { report } from './run/report.ts';
import { abort, kindsOfRun, plan, resume } from './run/run-commands.ts';
import { runs, show } from './run/run-list.ts';
import { runbook } from './run/runbook.ts';
import type { SimOptions } from './sim.ts';
import { errorJson, type Terminal } from './terminal.ts';
import { printable, printableJson } from './text/printable.ts';
import { version } from './version.ts';

/** Its modules are loaded only when it runs. */
const sim = bare({
  name: 'sim',
  says: 'Simulate throwover itself: virtual time, faults, checkers',
  takes: () => [
    new Option('--seeds <count>', 'Number of seeds to run')
      .argParser(whole(0, 999_999_999))
      .default(1_000),
    new Option('--from <seed>', 'First seed').argParser(whole(0, 999_999_999)).default(1),
    new Option('--seed <seed>', 'Run only this seed').argParser(whole(0, 999_999_999)),
    new Option('--trace', 'With --seed: print everything that happens'),
    new Option('--workers <count>', 'Number of threads').argParser(whole(1, 1_000)).default(2),
    new Option(
      '--writer-fence <mode>',
      'Fence mode to simulate (default: drawn from the seed)',
    ).choices(['available', 'strict']),
    new Option(
      '--durability <mode>',
      'Durability to simulate (default: drawn from the seed)',
    ).choices(['asynchronous', 'synchronous']),
    new Option('--family <name>', 'Family of scenarios').choices([
      'planned',
      'lost',
      'absent',
      'hand',
      'mixed',
      'unattended',
    ]),
    jsonAnswer(),
  ],
  run: async (terminal, given: SimOptions) => {
    const { simCommand } = await import('./sim.ts');
    return simCommand(terminal, given);
  },
});

/** Every command, in the order of `--help`. */
const allCommands: readonly CommandSpec[] = [
  check,
  runbook,
  functions,
  plan,
  ...kindsOfRun,
  resume,
  abort,
  halt,
  renumber,
  losses,
  resolveLoss,
  runs,
  show,
  report,
  ...evidenceCommands,
  ...drillCommands,
  ...dnsCommands,
  sim,
  ...pkiCommands,
  ...processCommands,
];

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
  if (json) terminal.stdout.write(`${printableJson(errorJson(known))}\n`);
  if (isThrowoverError(known)) {
    if (!json) terminal.stderr.write(printable(errorText(known)));
  } else {
    // A bug: its stack is needed to fix it.
    const stack = known instanceof Error ? (known.stack ?? known.message) : String(known);
    terminal.stderr.write(`${printable(stack)}\n`);
  }
  return exitCodeOf(known);
}

function commands(terminal: Terminal, ended: (code: ExitCode) => void): Command {
  const program = new Command('throwover')
    .description('Rehearse and perform failovers between two regions, and measure what they cost')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // `failed` reports the error once, with code and remedy.
      writeErr: () => {},
    });
  addCommands(program, allCommands, { terminal, ended });
  return program;
}
