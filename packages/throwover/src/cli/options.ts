import { InvalidArgumentError, Option } from 'commander';

/** Options that several commands take, and the kinds of their values. */

export const asPerson = () =>
  new Option(
    '--as <person>',
    'Your name as in `onCall` of throwover.yaml (default: your login name)',
  );

export const toRegion = (says: string) => new Option('--to <region>', says);

/** Its line in `--help` says so: the usage shows every option in brackets. */
export function mandatory(option: Option): Option {
  option.description = `${option.description} (required)`;
  return option.makeOptionMandatory();
}

/** An option that may be given again. */
export const again = (flags: string, says: string) =>
  new Option(flags, says)
    .argParser((text: string, before: readonly string[]) => [...before, text])
    .default([], '');

/** Returns a parser of whole numbers within these bounds. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
  };
}

export function port(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError('expected a port, 0 to 65535; 0 takes a free one.');
}
