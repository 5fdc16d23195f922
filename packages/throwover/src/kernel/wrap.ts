/** Width that every terminal has. */
export const maxColumns = 80;

/**
 * Breaks a line between words; all lines but the first are indented by `indent`. A longer word
 * stays whole.
 */
export function wrap(line: string, indent: number): readonly string[] {
  const lines: string[] = [];
  let rest = line;
  while ([...rest].length > maxColumns) {
    const last = rest.lastIndexOf(' ', maxColumns);
    const space = last > indent ? last : rest.indexOf(' ', maxColumns);
    if (space < 0) break;
    lines.push(rest.slice(0, space));
    rest = ' '.repeat(indent) + rest.slice(space + 1);
  }
  return [...lines, rest];
}
