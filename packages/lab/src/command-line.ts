import { execFileSync } from 'node:child_process';
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { errorText, isThrowoverError } from 'throwover/kernel';
import { Interrupted } from './signals.ts';
import { defaultPortBase } from './world/map.ts';

/** How the lab's commands end, options that several have, and which commit their results name. */

/**
 * Runs a command. Prints an error as `throwover` does: code, what happened, what was not lost, what
 * to do next; of several refusals each. Any other error is a bug and keeps its stack. A command that
 * a signal stopped ends with 130 (Ctrl-C) or 143 (SIGTERM).
 */
export async function runCommand(command: () => Promise<unknown>): Promise<void> {
  try {
    await command();
  } catch (error) {
    // Work that was given up would keep this process alive.
    if (error instanceof Interrupted) process.exit(error.exitCode);
    const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    if (!errors.every((one) => isThrowoverError(one))) throw error;
    process.stderr.write(errors.map(errorText).join('\n'));
    // Timers and connections of the command may still be open and would keep this process alive.
    process.exit(1);
  }
}

/** Returns what reads the value of an option: a number that fits, or an error with `what`. */
const numberThat = (fits: (value: number) => boolean, what: string) => (text: string) => {
  const value = Number(text);
  if (!fits(value)) throw new InvalidArgumentError(what);
  return value;
};

export const wholeNumber = numberThat(
  (value) => Number.isInteger(value) && value >= 0,
  'a whole number',
);
export const wholeAboveZero = numberThat(
  (value) => Number.isInteger(value) && value > 0,
  'a whole number above 0',
);
export const anyNumber = numberThat(
  (value) => Number.isFinite(value) && value >= 0,
  'a number, 0 or more',
);
export const aboveZero = numberThat((value) => value > 0, 'a number above 0');

export const portBaseOption = (first = defaultPortBase, ports = 40) =>
  new Option('--port-base <port>', `first of the ${ports} ports that the lab takes`)
    .argParser(wholeNumber)
    .default(first);

export const fenceOption = () =>
  new Option('--fence <mode>', 'writerFence of the service')
    .choices(['available', 'strict'] as const)
    .default('available' as const);

export const lagOption = () =>
  new Option('--lag <profile>', 'production: replay lag up to 5 s')
    .choices(['production', 'none'] as const)
    .default('production' as const);

/**
 * Returns the commit of the results, marked when files were changed since; takes no lock of the
 * repository.
 */
export function commitHere(): string {
  return execFileSync('git', ['describe', '--always', '--dirty'], {
    encoding: 'utf8',
    env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' },
  }).trim();
}
