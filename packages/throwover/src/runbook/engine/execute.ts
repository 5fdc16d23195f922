import { isThrowoverError, noAnswer, type ThrowoverError, within } from '../../kernel/kernel.ts';
import { runbookErrors } from '../errors.ts';
import { assemble } from './assemble.ts';
import { type Controller, Interrupted } from './controller.ts';
import { enter } from './entering.ts';
import { forward } from './forward.ts';
import { JournalFailure } from './journal.ts';
import { type ExecuteOptions, leftAlone, open, runIdOf } from './opening.ts';
import { undoAll } from './undo.ts';

/**
 * How this controller's part of the run ended. open: the run has not ended in the journal, and
 * `error` says what to do.
 */
export type RunResult = { readonly runId: string } & (
  | { readonly status: 'succeeded'; readonly error: null }
  | { readonly status: 'undone' | 'open'; readonly error: ThrowoverError }
);

/**
 * Carries a run out, from its beginning or from the point that an earlier controller reached
 * according to its journal.
 *
 * - Journal first: an act happens only after its intent is durable, the next act only after the
 *   outcome.
 * - A failure, or a stop, before the point of no return undoes every step that has an intent,
 *   newest first, and the run ends `undone`. An undo that fails leaves the run open, so that a
 *   half-made change is not forgotten; resume continues the undo.
 * - After the point of no return the run goes forward or stays open for resume; it goes back only
 *   when the step of no return certainly did not happen and cannot happen any more.
 * - Steps of a group run at the same time; a controller that takes a run over claims it before
 *   anything else.
 * - A controller that lost its run, or cannot write its journal, does nothing more: no act, no
 *   undo. An undo that is not in the journal would make a later resume rely on steps that are no
 *   longer in effect.
 *
 * Throws when the run cannot begin or cannot be taken: errors of the store, `digest-mismatch`,
 * `steps-differ`, `replan-differs`.
 */
export async function executeRun(options: ExecuteOptions): Promise<RunResult> {
  const standing = await leftAlone(options);
  if (standing !== null)
    return { runId: String(runIdOf(options)), status: 'open', error: standing };
  for (;;) {
    const result = await oneController(options);
    if (result !== 'again') return result;
  }
}

/**
 * Runs one controller. `again`: an answer that this controller needed has cost its token, so
 * another one must continue.
 */
async function oneController(options: ExecuteOptions): Promise<RunResult | 'again'> {
  const opening = await open(options);
  const startedMs = options.clock.monotonicMs();
  const { controller, heedOperator, close } = assemble(options, opening);
  const { run, steps, progress, emit } = controller;
  try {
    emit({
      type: 'run-started',
      run,
      resumed: !('mandate' in options),
      steps: steps.map(({ name, title }) => ({ name, title })),
      alreadyDone: 'replanOf' in options ? progress.kept : [...progress.outcomes.keys()],
    });
    heedOperator();
    const result = await carryOn(controller, options);
    if (result === 'again') return result;
    const durationMs = options.clock.monotonicMs() - startedMs;
    emit({ type: 'run-ended', status: result.status, error: result.error, durationMs });
    return result;
  } finally {
    close();
  }
}

/** Longest wait for the durations of earlier runs, ms. */
const expectedPatienceMs = 2_000;

/**
 * They only inform: neither silence nor an error of any kind keeps a run from being carried on, and
 * a run that goes back needs none, because its database may be closed.
 */
async function learnExpected(
  { clock, expected, stop, progress }: Controller,
  { expected: ask }: ExecuteOptions,
): Promise<void> {
  if (ask === undefined || (stop.aborted && !progress.pastNoReturn)) return;
  const asked = ask().catch(() => null);
  const answer = await within(clock, expectedPatienceMs, asked);
  if (answer === noAnswer || answer === null) return;
  for (const [step, durations] of answer) expected.set(step, durations);
}

async function carryOn(
  controller: Controller,
  options: ExecuteOptions,
): Promise<RunResult | 'again'> {
  const { run, journal } = controller;
  const { runId } = run;
  try {
    const entered = await enter(controller, options);
    if (entered === 'again') return entered;
    if (entered === null) await learnExpected(controller, options);
    const turn = entered ?? (await forward(controller));
    if (turn === null) {
      await journal.append({ type: 'ended', status: 'succeeded', reason: 'all steps are done' });
      return { runId, status: 'succeeded', error: null };
    }
    const { kind, error } = turn;
    if (kind === 'open') return { runId, status: 'open', error };
    const undoFailure = await undoAll(controller);
    if (undoFailure !== null) return { runId, status: 'open', error: undoFailure };
    await journal.append({ type: 'ended', status: 'undone', reason: error.message });
    return { runId, status: 'undone', error };
  } catch (error) {
    return { runId, status: 'open', error: whyLeft(error, runId) };
  }
}

/** Returns the user's error behind an interruption; anything else is a bug, and is thrown on. */
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
