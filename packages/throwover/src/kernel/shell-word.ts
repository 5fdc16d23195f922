/**
 * Returns the value as one word of a POSIX shell, in quotes only where it needs them. What the shell
 * runs may still take a word that begins with `-` for an option: put `--` before it.
 */
export function shellWord(value: string): string {
  return needsNoQuotes.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/**
 * Returns the value as a part of a shell's word that stands between double quotes, where the shell
 * would fill in variables and run commands; and, where a person types, an earlier line for `!`.
 */
export function inDoubleQuotes(value: string): string {
  return value.replaceAll(/[\\"$`]/g, '\\$&').replaceAll('!', `"'!'"`);
}

/** Not `NAME=...`, which would be an assignment where a command is expected. */
const needsNoQuotes = /^(?![A-Za-z_][A-Za-z0-9_]*=)[A-Za-z0-9_./:@%+,=-]+$/;
