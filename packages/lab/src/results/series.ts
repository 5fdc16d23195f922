import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/**
 * One kind of committed results: a file of series, one JSON object per line, and its part of the
 * README beside it.
 */
export interface SeriesKind<S> {
  /** Name of its part of the README. */
  readonly name: string;
  readonly schema: z.ZodType<S>;
  /** Returns its part of the README, in Markdown. */
  render(all: readonly S[]): string;
}

/** Fields of every series: its seed, its commit and the time of the measurement. */
export const provenance = { seed: z.number(), commit: z.string(), at: z.string() };

/**
 * Adds a series to the file, and rewrites its part of the README beside it; other parts do not
 * change.
 */
export async function keepSeries<S>(file: string, kind: SeriesKind<S>, series: S): Promise<void> {
  const readme = join(dirname(file), 'README.md');
  await mkdir(dirname(file), { recursive: true });
  await appendFile(file, `${JSON.stringify(series)}\n`);
  const part = kind.render(await readSeries(file, kind));
  const before = await readFile(readme, 'utf8').catch(() => '# Results\n');
  await writeFile(readme, withPart(before, kind.name, part));
}

/** Returns the series in the file, in order; none when there is no file yet. */
export async function readSeries<S>(
  file: string,
  { schema }: SeriesKind<S>,
): Promise<readonly S[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => schema.parse(JSON.parse(line)));
}

/** Returns the text with this part in place of its older version, or at the end. */
function withPart(text: string, name: string, part: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const whole = `${begin}\n\n${part.trim()}\n\n${end}`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) return `${text.trimEnd()}\n\n${whole}\n`;
  return text.slice(0, from) + whole + text.slice(to + end.length);
}

/** Returns a row of a table, in Markdown. */
export const tableRow = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
