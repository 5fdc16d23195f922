import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import type { ThrowoverError } from '../kernel/kernel.ts';
import type { CommandContext } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { type Session, withSession } from './session.ts';
import { outputOf, type Terminal } from './terminal.ts';
import { printable } from './text/printable.ts';

/** The command line as data: each command says what it takes and what it does. */

interface Named {
  /** Its words: `losses resolve`. */
  readonly name: string;
  /** Its line in `--help`. */
  readonly says: string;
  /** Its arguments and options. What an argument is named is its key in `given`. */
  readonly takes?: () => readonly (Argument | Option)[];
}

/** A word that several commands begin with. */
interface Group extends Named {
  readonly kind: 'group';
}

/** A command that opens the service of throwover.yaml. */
interface SessionCommand extends Named {
  readonly kind: 'session';
  run(context: CommandContext, given: never): Promise<ExitCode>;
  /** False: a person drives it at the terminal, so it has no `--json`. */
  readonly json?: false;
  /** In place of `run` with `--offline`: the file is not opened as a service. */
  readonly offline?: (context: Pick<CommandContext, 'output'>, file: string) => Promise<ExitCode>;
}

/** A command that needs no throwover.yaml. */
interface BareCommand extends Named {
  readonly kind: 'bare';
  run(terminal: Terminal, given: never): Promise<ExitCode>;
}

export type CommandSpec = Group | SessionCommand | BareCommand;

/** The circumstances in which a value is shown. */
export interface Shown<Given> {
  readonly given: Given;
  readonly nowWallMs: number;
}

/**
 * A command that answers with a value. An HTTP route or a page uses the same `look`; only the text
 * is for the terminal.
 */
interface Answer<Given, Value> extends Named {
  readonly look: (session: Session, given: Given) => Promise<Value>;
  readonly text: (value: Value, shown: Shown<Given>) => string | Promise<string>;
  /** The object that `--json` prints. Default: the value. */
  readonly json?: (value: Value, text: string) => unknown;
  /** Its text may go to a file: with `--out`, `--json` prints this object and the file's path. */
  readonly inFile?: (value: Value) => object;
  /** The error that the value amounts to, told after the text. */
  readonly refusal?: (value: Value) => ThrowoverError | null;
  /** Default: 0. */
  readonly exit?: (value: Value) => ExitCode;
}

export function answer<Given, Value>(spec: Answer<Given, Value>) {
  const { name, says, takes, look, text: textOf, json, inFile, refusal, exit } = spec;
  const run = async (
    { output, session }: Pick<CommandContext, 'output' | 'session'>,
    given: Given,
  ): Promise<ExitCode> => {
    const value = await look(session, given);
    const text = await textOf(value, { given, nowWallMs: session.clock.wallMs() });
    const error = refusal?.(value) ?? null;
    if (error !== null) {
      output.say(text);
      throw error;
    }
    const { out } = given as { readonly out?: string };
    if (inFile !== undefined && out !== undefined) {
      const path = resolve(out);
      await writeFile(path, `${text.trimEnd()}${text.includes('\r\n') ? '\r\n' : '\n'}`);
      output.result({ ...inFile(value), path }, path);
    } else {
      output.result(json === undefined ? value : json(value, text), text);
    }
    return exit?.(value) ?? exitCodes.ok;
  };
  const all = () => [...(takes?.() ?? []), ...(inFile === undefined ? [] : [outFile()])];
  return { kind: 'session', name, says, takes: all, look, run } as const;
}

const outFile = () => new Option('--out <file>', 'Write to this file instead of stdout');

/** A command that a person follows at the terminal while it works. */
export function act<Given>(
  spec: Named &
    Pick<SessionCommand, 'json'> & {
      readonly run: (context: CommandContext, given: Given) => Promise<ExitCode>;
    },
) {
  return { kind: 'session', ...spec } as const;
}

/** A command without a throwover.yaml. */
export function bare<Given>(
  spec: Named & { readonly run: (terminal: Terminal, given: Given) => Promise<ExitCode> },
) {
  return { kind: 'bare', ...spec } as const;
}

/** A command that listens until it is told to end. */
export function listening<Given>(
  spec: Named & { readonly run: (terminal: Terminal, given: Given) => Promise<void> },
) {
  const { run, takes } = spec;
  return {
    kind: 'bare',
    ...spec,
    takes: () => [...(takes?.() ?? []), new Option('--json', 'Print errors as one JSON object')],
    run: async (terminal: Terminal, given: Given) => {
      await run(terminal, given);
      return exitCodes.ok;
    },
  } as const;
}

export function group(name: string, says: string): CommandSpec {
  return { kind: 'group', name, says };
}

/** Adds the commands to the program, in their order. `ended` gets the exit code of the one that ran. */
export function addCommands(
  program: Command,
  specs: readonly CommandSpec[],
  { terminal, ended }: { terminal: Terminal; ended: (code: ExitCode) => void },
): void {
  for (const spec of specs) {
    const words = spec.name.split(' ');
    const parent = words.slice(0, -1).reduce(childNamed, program);
    const command = parent.command(words.at(-1) ?? '').description(spec.says);
    if (spec.kind === 'session') {
      command.addOption(configFile());
      if (spec.json !== false) command.addOption(jsonAnswer());
    }
    for (const one of spec.takes?.() ?? []) {
      if (one instanceof Argument) command.addArgument(one);
      else command.addOption(one);
    }
    // An option that takes several words would take an argument after it as one of them.
    const before = command.registeredArguments.map((one) =>
      one.required ? `<${one.name()}>` : `[${one.name()}]`,
    );
    if (before.length > 0) command.usage(`${before.join(' ')} [options]`);
    if (spec.kind === 'group') continue;
    command.action(async () => {
      const given = givenTo(command) as never;
      ended(
        spec.kind === 'bare'
          ? await spec.run(terminal, given)
          : await inSession(terminal, spec, given),
      );
    });
  }
}

const configFile = () =>
  new Option('--config <file>', 'Service description file').default('throwover.yaml');
export const jsonAnswer = () =>
  new Option('--json', 'Print the result as one JSON object, on the last line of stdout');

function childNamed(parent: Command, word: string): Command {
  const child = parent.commands.find((one) => one.name() === word);
  if (child === undefined) throw new Error(`no command ${word} was added before`);
  return child;
}

/** A parent takes `--config` and `--json` also where they stand after its child's name. */
function givenTo(command: Command): Readonly<Record<string, unknown>> {
  const values = command.registeredArguments.map((one, index) => [
    one.name(),
    command.processedArgs[index],
  ]);
  return { ...command.optsWithGlobals(), ...Object.fromEntries(values) };
}

function inSession(
  terminal: Terminal,
  spec: SessionCommand,
  given: { readonly config: string; readonly json?: boolean; readonly offline?: boolean },
): Promise<ExitCode> {
  const { clock, random, env, stderr } = terminal;
  const json = given.json === true;
  const output = outputOf(terminal, json);
  if (given.offline === true && spec.offline !== undefined) {
    return spec.offline({ output }, given.config);
  }
  const say = (text: string) => {
    if (!json) stderr.write(`${printable(text)}\n`);
  };
  return withSession({ configPath: given.config, clock, random, env, say }, (session) =>
    spec.run({ terminal, output, session }, given as never),
  );
}
