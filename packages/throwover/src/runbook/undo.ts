import { isThrowoverError, type ThrowoverError } from '../kernel/kernel.ts';
import { abortable } from './abortable.ts';
import { type Controller, contextOf, Interrupted, openWindow, timeIsOver } from './controller.ts';
import { runbookErrors } from './errors.ts';
import { maxRepeats, pauseBeforeRepeatMs } from './repeats.ts';
import type { Step } from './step.ts';

/**
 * Takes back, in reverse order, every step that the run has an intent of. Null when nothing is left
 * to take back; the error of the first undo that failed otherwise, and the steps below it stay as they
 * are: they may rest on it. A repeated undo is the same undo.
 */
export async function undoAll(controller: Controller): Promise<ThrowoverError | null> {
  const { steps, journal, progress, emit } = controller;
  for (const step of [...steps].reverse()) {
    if (!progress.owesUndo(step.name)) continue;
    const { name: stepName, title } = step;
    if (typeof step.undo !== 'function') {
      const record = { step: stepName, result: 'not-needed', note: step.undo.none } as const;
      await journal.append({ type: 'undo-outcome', ...record });
      emit({ type: 'undo-done', ...record });
      continue;
    }
    emit({ type: 'undo-started', step: stepName, title });
    if (!progress.hasUndoIntent(stepName)) {
      await journal.append({ type: 'undo-intent', step: stepName });
    }
    const failure = await undo(controller, step, step.undo);
    if (failure !== null) {
      emit({ type: 'undo-failed', step: stepName, error: failure });
      return failure;
    }
    const record = { step: stepName, result: 'undone', note: '' } as const;
    await journal.append({ type: 'undo-outcome', ...record });
    emit({ type: 'undo-done', ...record });
  }
  return null;
}

async function undo(
  controller: Controller,
  step: Step,
  work: Extract<Step['undo'], (...args: never) => unknown>,
): Promise<ThrowoverError | null> {
  const window = openWindow(controller, { timeoutMs: step.timeoutMs, stoppable: false });
  const context = contextOf(controller, step, window.signal);
  let last: unknown = timeIsOver;
  try {
    for (let repeats = 0; ; repeats++) {
      try {
        controller.mustHold();
        await abortable(work(context), window.signal);
        return null;
      } catch (error) {
        window.signal.throwIfAborted();
        last = error;
        const again = isThrowoverError(error) && error.disposition === 'retry';
        if (!again || repeats >= maxRepeats) throw error;
      }
      await controller.clock.sleep(pauseBeforeRepeatMs(repeats), window.signal);
    }
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    return failureOf(controller, step, error === timeIsOver ? last : error);
  } finally {
    window.close();
  }
}

function failureOf({ run }: Controller, step: Step, cause: unknown): ThrowoverError {
  const why =
    cause === timeIsOver
      ? `not within ${step.timeoutMs} ms`
      : cause instanceof Error
        ? cause.message
        : String(cause);
  const evidence = {
    runId: run.runId,
    step: step.name,
    error: isThrowoverError(cause) ? cause.toJSON() : { message: why },
  };
  return runbookErrors.make(
    'undo-failed',
    `run ${run.runId}: ${step.name} could not be taken back: ${why}`,
    evidence,
    cause,
  );
}
