import { isThrowoverError, type ThrowoverError } from '../../kernel/kernel.ts';
import { runbookErrors } from '../errors.ts';
import type { Settled } from '../step.ts';
import { abortable } from './abortable.ts';
import { type Controller, contextOf, Interrupted, openWindow } from './controller.ts';
import { repeated } from './repeats.ts';

/**
 * Finds out whether a run that a person wants to take back is still before its point of no return:
 * it settles each step of no return that was requested and has no outcome. Returns `null` if none
 * of them happened or can happen: the journal then says so, and the run is before that point again.
 * Otherwise returns the reason.
 */
export async function turnBack(controller: Controller): Promise<ThrowoverError | null> {
  const { run, clock, progress, journal, emit } = controller;
  for (const name of progress.passed) {
    const startedMs = clock.monotonicMs();
    const answer = progress.outcomes.has(name)
      ? { settled: 'happened' as const }
      : await settle(controller, name);
    if (answer.settled === 'happened') return noWayBack(run.runId, name);
    if (answer.settled === 'unknown') return unknown(run.runId, name, answer.cause);
    const error = runbookErrors.make(
      'turned-back',
      `${name} did not happen, and cannot any more with a token up to ${run.token}`,
      { step: name, token: run.token },
    );
    const durationMs = clock.monotonicMs() - startedMs;
    const turnedBack = true;
    const record = { step: name, error: error.toJSON(), durationMs, turnedBack } as const;
    await journal.append({ type: 'step-failed', ...record });
    emit({ type: 'step-failed', step: name, error, durationMs, turnedBack });
  }
  return null;
}

export function noWayBack(runId: string, step: string): ThrowoverError {
  return runbookErrors.make(
    'no-way-back',
    `run ${runId}: ${step} has happened, so the run can only go forward`,
    { runId, step },
  );
}

/**
 * Returns the final result of a step that was requested, as the step itself reports it within its
 * timeout; without an answer it is `unknown`.
 */
async function settle(
  controller: Controller,
  name: string,
): Promise<{ settled: Settled; cause?: unknown }> {
  const step = controller.stepNamed(name);
  if (step?.settle === undefined) return { settled: 'unknown' };
  const window = openWindow(controller, { timeoutMs: step.timeoutMs, stoppable: false });
  const { signal } = window;
  const context = contextOf(controller, step, signal);
  const ask = step.settle;
  const once = () => {
    controller.mustHold();
    return abortable(ask(context), signal);
  };
  try {
    const settled = await repeated(once, { clock: controller.clock, signal, failed: () => {} });
    return { settled };
  } catch (cause) {
    if (cause instanceof Interrupted) throw cause;
    return { settled: 'unknown', cause };
  } finally {
    window.close();
  }
}

function unknown(runId: string, step: string, cause: unknown): ThrowoverError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return runbookErrors.make(
    'turn-back-unknown',
    `run ${runId}: ${step} was asked for, and whether it has happened is not known${why}`,
    { runId, step, ...(isThrowoverError(cause) ? { error: cause.toJSON() } : {}) },
    cause,
  );
}
