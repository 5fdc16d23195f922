import { TimeScale } from '../../kernel/kernel.ts';
import type { RunEvidence } from './run-evidence.ts';

type Span = readonly [fromMs: number, toMs: number];

/**
 * Returns how long the time between two moments of a recording would have been in life time, ms.
 *
 * The time before the flip was work of machines, which the lab does not scale, except in steps that
 * say that they wait (kind `scaled`). The time after the flip was waiting for caches and
 * connections, which the lab scales. Work of machines after the flip is therefore overstated.
 * Without a flip nothing waits on DNS.
 */
export function lifeBetween(
  evidence: Pick<RunEvidence, 'flippedMs' | 'steps' | 'timeScale'>,
  startMs: number,
  endMs: number,
): number {
  if (endMs <= startMs) return 0;
  const { flippedMs, steps } = evidence;
  const waits: Span[] = steps
    .filter(({ kind }) => kind === 'scaled')
    .map(({ startMs, endMs }) => [startMs, endMs]);
  if (flippedMs !== null) waits.push([flippedMs, Number.POSITIVE_INFINITY]);
  const scaledMs = coveredMs(waits, [startMs, endMs]);
  return endMs - startMs - scaledMs + lifeOfWait(evidence, scaledMs);
}

/** Returns how long a wait of a recording would have been in life time, ms. */
export function lifeOfWait({ timeScale }: Pick<RunEvidence, 'timeScale'>, waitedMs: number) {
  return new TimeScale(timeScale).life(waitedMs);
}

/** Returns how long a wait of life time lasted where the recording was made, ms. */
export function waitOfLife({ timeScale }: Pick<RunEvidence, 'timeScale'>, lifeMs: number) {
  return new TimeScale(timeScale).real(lifeMs);
}

/** Returns the length of the part of `within` that is covered by at least one of the spans. */
function coveredMs(spans: readonly Span[], [fromMs, toMs]: Span): number {
  let sum = 0;
  let reached = fromMs;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    const from = Math.max(start, reached);
    const to = Math.min(end, toMs);
    if (to <= from) continue;
    sum += to - from;
    reached = to;
  }
  return sum;
}
