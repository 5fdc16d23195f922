/** Whether a duration is the work of machines, or a wait that the lab scales (time-scale.ts). */
export type DurationKind = 'machine' | 'scaled';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/**
 * Returns `250ms`, `2s`, `5m`, `72h` or `30d` in milliseconds; `undefined` if the text is not a
 * duration.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  return match?.[1] === undefined || unit === undefined ? undefined : Number(match[1]) * unit;
}

/**
 * Returns a duration for people, at most four significant characters and a unit: `42 ms`, `3.1 s`,
 * `12 min`, `2.5 h`.
 */
export function formatMs(ms: number): string {
  if (ms < 1e3) return `${ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 6e4) return `${trim(ms / 1e3)} s`;
  if (ms < 36e5) return `${trim(ms / 6e4)} min`;
  return `${trim(ms / 36e5)} h`;
}

function trim(value: number): string {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
}
