import { isThrowoverError, type ThrowoverError } from '../../kernel/kernel.ts';
import { type JournalEvent, maxNoteLength } from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';
import type { Step } from '../step.ts';
import { abortable } from './abortable.ts';
import { type Controller, contextOf, Interrupted, openWindow, timeIsOver } from './controller.ts';
import { watchPace } from './pace.ts';
import { repeated } from './repeats.ts';

type UndoRecord = Pick<Extract<JournalEvent, { type: 'undo-outcome' }>, 'step' | 'result' | 'note'>;

/**
 * Takes back every step for which the run has an intent, under any of its plans, in the reverse
 * order of these intents, one after the other, also within a group. Returns `null` when nothing is
 * left to take back.
 *
 * Otherwise returns the error of the first undo that failed. The other steps are still taken back,
 * so that a missing file of a database does not keep webhooks held; only a step that must be undone
 * in order stays as it is. A step that the person who aborted the run allowed to be left is tried,
 * and left if that fails. A repeated undo is the same undo.
 */
export async function undoAll(controller: Controller): Promise<ThrowoverError | null> {
  const { progress, emit } = controller;
  let first: ThrowoverError | null = null;
  for (const stepName of [...progress.owed].reverse()) {
    const step = controller.stepNamed(stepName);
    if (first !== null && step?.undoesInOrder === true) continue;
    const failure = await undoOne(controller, stepName, step);
    if (failure === null) continue;
    emit({ type: 'undo-failed', step: stepName, error: failure });
    const { abort } = progress;
    if (abort?.leave.includes(stepName)) {
      const note = `left as it is by ${abort.by} (${abort.reason}): ${failure.message}`;
      await settled(controller, { step: stepName, result: 'left', note });
    } else first ??= failure;
  }
  return first;
}

/** Returns `null` when the step is taken back, or needs no undo, and the journal says so. */
async function undoOne(
  controller: Controller,
  stepName: string,
  step: Step | undefined,
): Promise<ThrowoverError | null> {
  const { journal, progress, emit } = controller;
  if (step === undefined) return notAtHand(controller, stepName);
  if (typeof step.undo !== 'function') {
    await settled(controller, { step: stepName, result: 'not-needed', note: step.undo.none });
    return null;
  }
  emit({ type: 'undo-started', step: stepName, title: step.title });
  if (!progress.hasUndoIntent(stepName)) {
    await journal.append({ type: 'undo-intent', step: stepName });
  }
  const failure = await work(controller, step, step.undo);
  if (failure === null) await settled(controller, { step: stepName, result: 'undone', note: '' });
  return failure;
}

async function settled({ journal, emit }: Controller, record: UndoRecord): Promise<void> {
  const note = record.note.slice(0, maxNoteLength);
  await journal.append({ type: 'undo-outcome', ...record, note });
  emit({ type: 'undo-done', ...record, note });
}

/** Runs the step's own undo within its timeout, and repeats it while that may help. */
async function work(
  controller: Controller,
  step: Step,
  undo: Extract<Step['undo'], (...args: never) => unknown>,
): Promise<ThrowoverError | null> {
  const window = openWindow(controller, { timeoutMs: step.timeoutMs, stoppable: false });
  const pace = watchPace(controller, step, { undoing: true });
  const context = contextOf(controller, step, window.signal);
  let last: unknown = timeIsOver;
  const once = async () => {
    controller.mustHold();
    await abortable(undo(context), window.signal);
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

/**
 * The error for a step of a replaced plan whose definition is missing, so that it cannot be taken
 * back.
 */
function notAtHand({ run }: Controller, step: string): ThrowoverError {
  return runbookErrors.make(
    'undo-failed',
    `run ${run.runId}: ${step} is a step of an earlier plan of this run and is not at hand to be taken back`,
    { runId: run.runId, step },
  );
}
