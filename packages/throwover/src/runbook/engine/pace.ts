import { canonicalJson, type Evidence } from '../../kernel/kernel.ts';
import type { Step } from '../step.ts';
import type { Controller } from './controller.ts';
import { type Expected, enoughSamples } from './history.ts';

/**
 * Watches a step while it works, and reports when it takes longer than it should. Changes nothing.
 */
export interface Pace {
  /** Notes what the step observed; a value that differs from the last one is progress. */
  saw(evidence: Evidence): void;
  close(): void;
}

/**
 * Returns the time after which a step is stuck, ms: twice the p95 of earlier runs, and never below
 * half of the declared timeout; with fewer than 20 runs, that half.
 */
export function stuckAfterMs(timeoutMs: number, expected: Expected | undefined): number {
  const half = timeoutMs / 2;
  return enough(expected) ? Math.max(2 * expected.p95Ms, half) : half;
}

/**
 * Sends `step-slow` once, past the p75 of earlier runs. Sends `step-stuck` at most twice: when the
 * step has lasted `stuckAfterMs`, and when the observed state has not changed for that long.
 */
export function watchPace(
  controller: Controller,
  { name: step, timeoutMs }: Step,
  { undoing }: { undoing: boolean },
): Pace {
  const { clock, emit } = controller;
  const expected = undoing ? undefined : controller.expected.get(step);
  const boundMs = stuckAfterMs(timeoutMs, expected);
  const startedMs = clock.monotonicMs();
  const closed = new AbortController();
  let lastValue: string | null = null;
  let changedMs = startedMs;

  const until = (atMs: number) => clock.sleep(atMs - clock.monotonicMs(), closed.signal);
  const elapsedMs = () => clock.monotonicMs() - startedMs;
  const tellSlow = async ({ p75Ms, count }: Expected) => {
    await until(startedMs + p75Ms);
    emit({ type: 'step-slow', step, elapsedMs: elapsedMs(), p75Ms, count });
  };
  const tellStuck = (why: 'late' | 'no-progress') => {
    const unchangedMs = clock.monotonicMs() - changedMs;
    const figures = { elapsedMs: elapsedMs(), boundMs, unchangedMs, undoing };
    emit({ type: 'step-stuck', step, why, ...figures });
  };
  const watchStuck = async () => {
    await until(startedMs + boundMs);
    if (changedMs > startedMs) {
      tellStuck('late');
      while (clock.monotonicMs() < changedMs + boundMs) await until(changedMs + boundMs);
    }
    tellStuck('no-progress');
  };
  const ends = () => {};
  if (enough(expected)) tellSlow(expected).catch(ends);
  watchStuck().catch(ends);

  return {
    saw: (evidence) => {
      const value = canonicalJson(evidence);
      if (lastValue !== null && value !== lastValue) changedMs = clock.monotonicMs();
      lastValue = value;
    },
    close: () => closed.abort(),
  };
}

function enough(expected: Expected | undefined): expected is Expected {
  return expected !== undefined && expected.count >= enoughSamples;
}
