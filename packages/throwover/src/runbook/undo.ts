import { isThrowoverError, type ThrowoverError } from '../kernel/kernel.ts';
import { abortable } from './abortable.ts';
import { type Controller, contextOf, Interrupted, openWindow, timeIsOver } from './controller.ts';
import { runbookErrors } from './errors.ts';
import { watchPace } from './pace.ts';
import { repeated } from './repeats.ts';
import type { Step } from './step.ts';

/**
 * Takes back every step that the run has an intent of, under any of its plans, in the reverse order of
 * these intents: steps of a group too, one after the other. Null when nothing is left to take back;
 * the error of the first undo that failed otherwise, and the steps below it stay as they are: they may
 * rest on it. A repeated undo is the same undo.
 */
export async function undoAll(controller: Controller): Promise<ThrowoverError | null> {
  const { journal, progress, emit } = controller;
  for (const stepName of [...progress.owed].reverse()) {
    const step = controller.stepNamed(stepName);
    if (step === undefined) return notAtHand(controller, stepName);
    if (typeof step.undo !== 'function') {
      const record = { step: stepName, result: 'not-needed', note: step.undo.none } as const;
      await journal.append({ type: 'undo-outcome', ...record });
      emit({ type: 'undo-done', ...record });
      continue;
    }
    emit({ type: 'undo-started', step: stepName, title: step.title });
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
  const pace = watchPace(controller, step, { undoing: true });
  const context = contextOf(controller, step, window.signal);
  let last: unknown = timeIsOver;
  const once = async () => {
    controller.mustHold();
    await abortable(work(context), window.signal);
  };
  try {
    await repeated(once, {
      clock: controller.clock,
      signal: window.signal,
      failed: (error) => {
        last = error;
      },
    });
    return null;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    return failureOf(controller, step, error === timeIsOver ? last : error);
  } finally {
    pace.close();
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

/** A step of a plan that was replaced, without which nobody knows how to take it back. */
function notAtHand({ run }: Controller, step: string): ThrowoverError {
  return runbookErrors.make(
    'undo-failed',
    `run ${run.runId}: ${step} is a step of an earlier plan of this run and is not at hand to be taken back`,
    { runId: run.runId, step },
  );
}
