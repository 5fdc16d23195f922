import { quantiles } from 'throwover/kernel';
import { z } from 'zod';

/** A figure with its count: no figure is shown without one. */
export const spreadSchema = z.strictObject({
  count: z.number().int().positive(),
  min: z.number(),
  median: z.number(),
  max: z.number(),
});
export type Spread = Readonly<z.infer<typeof spreadSchema>>;

export function spread(samples: readonly number[]): Spread {
  const all = quantiles(samples);
  if (all === null) throw new Error('no round was measured');
  const { count, p50: median, max } = all;
  return { count, min: Math.min(...samples), median, max };
}

/**
 * Returns `31 / 35 / 44`: min / median / max, with `digits` digits after the point; `-` when the
 * figure is not known.
 */
export function spreadText(spread: Spread | undefined, digits = 0): string {
  if (spread === undefined) return '-';
  const { min, median, max } = spread;
  return [min, median, max].map((value) => value.toFixed(digits)).join(' / ');
}

/** Returns `2.0 / 2.6 / 3.0`: figures in ms, shown in seconds. */
export function secondsText({ count, min, median, max }: Spread): string {
  return spreadText({ count, min: min / 1000, median: median / 1000, max: max / 1000 }, 1);
}

/**
 * Returns rows with columns as wide as their widest cell; the first column is left-aligned, figures
 * are right-aligned.
 */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}
