import { isThrowoverError, ThrowoverError } from '../kernel/kernel.ts';
import { assemble } from './assemble.ts';
import { carryOut } from './carry-out.ts';
import { type Controller, Interrupted } from './controller.ts';
import { runbookErrors } from './errors.ts';
import { JournalFailure } from './journal.ts';
import { begin, type ExecuteOptions, takeOver } from './opening.ts';
import type { Progress } from './progress.ts';
import { undoAll } from './undo.ts';

/** How this controller's part of the run ended. open: it has not ended in the journal, and `error` says what to do. */
export type RunResult = { readonly runId: string } & (
  | { readonly status: 'succeeded'; readonly error: null }
  | { readonly status: 'undone' | 'open'; readonly error: ThrowoverError }
);

/**
 * Carries a run out, from its beginning or from where its journal says that an earlier controller came.
 *
 * - Journal first: an act happens only after its intent is durable, the next act only after the outcome.
 * - A failure, or a stop, before the point of no return undoes every step that has an intent, newest
 *   first, and the run ends `undone`. An undo that fails leaves the run open, so that nothing that is
 *   half changed is forgotten; resume goes on undoing.
 * - After the point of no return the run goes forward or stays open for resume.
 * - A controller that lost its run, or cannot write its journal, does nothing more: no act, no undo.
 *   An undo that is not in the journal would make a later resume trust steps that hold no more.
 *
 * Throws what keeps a run from beginning or being taken: errors of the store, `digest-mismatch`, `steps-differ`.
 */
export async function executeRun(options: ExecuteOptions): Promise<RunResult> {
  const opening = 'mandate' in options ? await begin(options) : await takeOver(options);
  const startedMs = options.clock.monotonicMs();
  const { controller, heedOperator, close } = assemble(options, opening);
  const { run, steps, progress, emit } = controller;
  try {
    emit({
      type: 'run-started',
      run,
      resumed: 'resumeOf' in options,
      steps: steps.map(({ name, title }) => ({ name, title })),
      alreadyDone: [...progress.outcomes.keys()],
    });
    heedOperator();
    const result = await carryOn(controller, options);
    const durationMs = options.clock.monotonicMs() - startedMs;
    emit({ type: 'run-ended', status: result.status, error: result.error, durationMs });
    return result;
  } finally {
    close();
  }
}

async function carryOn(controller: Controller, options: ExecuteOptions): Promise<RunResult> {
  const { run, progress, journal } = controller;
  const { runId } = run;
  try {
    if ('mandate' in options) {
      const { by, digest, overrides } = options.mandate;
      await journal.append({ type: 'mandate', by, digest, overrides });
    } else {
      await journal.append({ type: 'taken-over', by: options.owner });
    }
    if (!progress.mandated) {
      const reason = 'its controller ended before the mandate was journaled: nothing was done';
      await journal.append({ type: 'ended', status: 'undone', reason });
      const error = runbookErrors.make('never-mandated', `run ${runId}: ${reason}`, { runId });
      return { runId, status: 'undone', error };
    }
    const end = progress.undoing ? earlierFailure(progress, runId) : await forward(controller);
    if (end === null) {
      await journal.append({ type: 'ended', status: 'succeeded', reason: 'all steps are done' });
      return { runId, status: 'succeeded', error: null };
    }
    if (end.kind === 'open') return { runId, status: 'open', error: end.error };
    const undoFailure = await undoAll(controller);
    if (undoFailure !== null) return { runId, status: 'open', error: undoFailure };
    await journal.append({ type: 'ended', status: 'undone', reason: end.error.message });
    return { runId, status: 'undone', error: end.error };
  } catch (error) {
    return { runId, status: 'open', error: whyLeft(error, runId) };
  }
}

type Turn = { readonly kind: 'undo' | 'open'; readonly error: ThrowoverError };

/** Null when every step is done; else which way the run goes, and why. */
async function forward(controller: Controller): Promise<Turn | null> {
  const { run, steps, progress, journal, stop, emit } = controller;
  const { runId } = run;
  for (const [index, step] of steps.entries()) {
    if (progress.outcomes.has(step.name)) continue;
    if (stop.aborted && !progress.pastNoReturn)
      return { kind: 'undo', error: stopRequested(runId) };
    const { name, title, waits } = step;
    emit({ type: 'step-started', step: name, title, waits, number: index + 1, of: steps.length });
    const end = await carryOut(controller, step);
    if (end.kind === 'done') continue;
    if (end.kind === 'failed' && progress.pastNoReturn) {
      return { kind: 'open', error: leftOpen(runId, name, end.error) };
    }
    if (!end.settled) {
      if (end.kind === 'stopped') await journal.append({ type: 'undo-intent', step: name });
      return { kind: 'open', error: unsettled(runId, name) };
    }
    return { kind: 'undo', error: end.kind === 'failed' ? end.error : stopRequested(runId) };
  }
  return null;
}

/** The user's error behind an interruption; anything else is a bug, and thrown on. */
function whyLeft(error: unknown, runId: string): ThrowoverError {
  if (error instanceof Interrupted && error.why === 'leave') {
    return runbookErrors.make('run-left', `run ${runId} was left where it was`, { runId });
  }
  if (error instanceof Interrupted || error instanceof JournalFailure) {
    return whyLeft(error.cause, runId);
  }
  if (isThrowoverError(error)) return error;
  throw error;
}

function earlierFailure(progress: Progress, runId: string): Turn {
  const { failure } = progress;
  const error = failure === null ? stopRequested(runId) : ThrowoverError.fromJSON(failure);
  return { kind: 'undo', error };
}

function stopRequested(runId: string) {
  return runbookErrors.make('stop-requested', `run ${runId}: stopped by the operator`, { runId });
}

function leftOpen(runId: string, step: string, error: ThrowoverError) {
  return runbookErrors.make(
    'run-left-open',
    `run ${runId}: ${step} failed after the point of no return: ${error.message}`,
    { runId, step, error: error.toJSON() },
    error,
  );
}

function unsettled(runId: string, step: string) {
  return runbookErrors.make(
    'act-unsettled',
    `run ${runId}: what ${step} had begun did not end, so it cannot be undone yet`,
    { runId, step },
  );
}
