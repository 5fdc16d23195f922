import { type Evidence, ThrowoverError } from '../../kernel/kernel.ts';
import { runbookErrors } from '../errors.ts';
import { abortable } from './abortable.ts';
import { stopRequested } from './assemble.ts';
import { type Controller, openWindow, timeIsOver } from './controller.ts';
import type { Turn } from './forward.ts';
import type { ExecuteOptions } from './opening.ts';
import type { Progress } from './progress.ts';
import { turnBack } from './turn-back.ts';

/**
 * Longest time for a claim, ms: it asks all parts at the same time, each with a deadline of a few
 * seconds.
 */
const claimTimeoutMs = 30_000;

/**
 * Writes a controller's first records: how it got the run, and what a person requests of it.
 * Returns the direction in which the run goes; `null` is forward. `again`: the same request must be
 * repeated with a newer token.
 *
 * On a takeover the claim comes before everything else, so that the commands of an older controller
 * are refused.
 */
export async function enter(
  controller: Controller,
  options: ExecuteOptions,
): Promise<Turn | 'again' | null> {
  const { run, journal, progress, emit } = controller;
  if ('mandate' in options) {
    const { by, digest, overrides, second } = options.mandate;
    const seconded = second === null ? {} : { second };
    await journal.append({ type: 'mandate', by, digest, overrides, ...seconded });
    return null;
  }
  const claimed = await claim(controller, options);
  await journal.append({ type: 'taken-over', by: options.owner, ...claimed });
  if ('replanOf' in options) return replan(controller, options.replanOf);
  if ('abortOf' in options) {
    const { by, reason, leave = [] } = options.abortOf;
    const left = leave.length === 0 ? {} : { leave };
    await journal.append({ type: 'abort-requested', by, reason, ...left });
    emit({ type: 'abort-requested', by, reason });
  }
  if (progress.course === 'unapproved') return { kind: 'undo', error: neverMandated(run.runId) };
  if (progress.abort !== null && progress.pastNoReturn) {
    const standing = await turnBack(controller);
    if (standing !== null) return afterAbort(standing, options);
  }
  return progress.course === 'back'
    ? { kind: 'undo', error: whyUndone(progress, run.runId) }
    : null;
}

async function claim(
  controller: Controller,
  options: ExecuteOptions,
): Promise<{ readonly claimed?: Evidence }> {
  if (options.claim === undefined) return {};
  const { run, emit } = controller;
  const window = openWindow(controller, { timeoutMs: claimTimeoutMs, stoppable: false });
  try {
    const claimed = await abortable(options.claim(run, window.signal), window.signal);
    emit({ type: 'run-claimed', evidence: claimed });
    return { claimed };
  } catch (error) {
    if (error !== timeIsOver) throw error;
    const message = `run ${run.runId}: token ${run.token} was not made known within ${claimTimeoutMs / 1_000} s`;
    throw runbookErrors.make('claim-timed-out', message, { runId: run.runId, token: run.token });
  } finally {
    window.close();
  }
}

/**
 * Replaces the run's plan, if it is certain that the old plan's step of no return did not happen.
 * To make that certain costs this controller's token, so the new plan is carried out with the next
 * one.
 */
async function replan(
  controller: Controller,
  { plan, mandate }: Extract<ExecuteOptions, { replanOf: object }>['replanOf'],
): Promise<Turn | 'again' | null> {
  const { journal, progress, emit } = controller;
  if (progress.pastNoReturn) {
    const standing = await turnBack(controller);
    return standing === null ? 'again' : { kind: 'open', error: standing };
  }
  const { kind } = plan;
  const { by, digest, overrides, second } = mandate;
  const seconded = second === null ? {} : { second };
  await journal.append({ type: 'replanned', kind, by, digest, plan, overrides, ...seconded });
  emit({ type: 'replanned', kind, by, digest });
  return null;
}

/**
 * Decides about an abort that was not possible. An undecided abort stays in force, also for a
 * controller that resumes, because nobody has withdrawn it. An abort that came too late is over,
 * and a resume goes forward.
 */
function afterAbort(standing: ThrowoverError, options: ExecuteOptions): Turn | null {
  const tooLate = standing.code === 'no-way-back';
  return tooLate && 'resumeOf' in options ? null : { kind: 'open', error: standing };
}

function whyUndone({ abort, failure }: Progress, runId: string): ThrowoverError {
  if (abort !== null) {
    const message = `run ${runId}: aborted by ${abort.by}: ${abort.reason}`;
    return runbookErrors.make('run-aborted', message, { runId, ...abort });
  }
  return failure === null ? stopRequested(runId) : ThrowoverError.fromJSON(failure);
}

function neverMandated(runId: string) {
  const reason = 'its controller ended before the mandate was journaled: nothing was done';
  return runbookErrors.make('never-mandated', `run ${runId}: ${reason}`, { runId });
}
