import { canonicalJson, type Evidence } from '../kernel/kernel.ts';
import type { Controller } from './controller.ts';
import { type Expected, enoughSamples } from './history.ts';
import type { Step } from './step.ts';

/** Looks on while a step works, and says when it takes longer than it should. Changes nothing. */
export interface Pace {
  /** What the step observed; another value than the last one is progress. */
  saw(evidence: Evidence): void;
  close(): void;
}

/**
 * After how long a step is stuck, ms: twice what 95 of 100 earlier runs took, and never below half of
 * the declared timeout; that half alone under 20 runs.
 */
export function stuckAfterMs(timeoutMs: number, expected: Expected | undefined): number {
  const half = timeoutMs / 2;
  return enough(expected) ? Math.max(2 * expected.p95Ms, half) : half;
}

/**
 * Tells `step-slow` past the p75 of earlier runs, once, and `step-stuck` at most twice: when the step
 * has lasted for `stuckAfterMs`, and when what it observes has not changed for so long.
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
