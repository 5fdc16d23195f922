import type { ThrowoverError } from '../../kernel/kernel.ts';
import { runbookErrors } from '../errors.ts';
import type { Step } from '../step.ts';
import { carryOut, type StepEnd } from './carry-out.ts';
import type { Controller } from './controller.ts';
import { turnBack } from './turn-back.ts';

/** The direction of a run that does not go forward: back, or left open for now. */
export interface Turn {
  readonly kind: 'undo' | 'open';
  readonly error: ThrowoverError;
}

interface Ended {
  readonly step: string;
  readonly end: StepEnd;
}

/**
 * Carries out every step that has no outcome yet. Returns `null` when all are done, otherwise the
 * direction in which the run goes, and why.
 *
 * After a takeover the steps that held for the earlier controller only are carried out again, once
 * it is seen that the step of no return, which that controller requested, has not happened.
 */
export async function forward(controller: Controller): Promise<Turn | null> {
  const batches = batchesOf(controller.steps);
  const turn = await carryOutAll(controller, batches, { again: false });
  if (turn !== 'held-by-earlier') return turn;
  controller.progress.dropHeld();
  const noReturn = batches.findIndex((batch) => batch.some((step) => step.noReturn));
  const back = await carryOutAll(controller, batches.slice(0, noReturn), { again: true });
  return back === null || back === 'held-by-earlier' ? forward(controller) : back;
}

async function carryOutAll(
  controller: Controller,
  batches: readonly (readonly Step[])[],
  { again }: { again: boolean },
): Promise<Turn | 'held-by-earlier' | null> {
  const { progress, stop } = controller;
  for (const batch of batches) {
    const left = batch.filter(({ name }) => !progress.outcomes.has(name));
    if (left.length === 0) continue;
    if (stop.aborted && !progress.pastNoReturn) return { kind: 'undo', error: stop.reason };
    const ended = await atOnce(controller, left);
    if (ended.some(({ end }) => end.kind === 'held-by-earlier')) return 'held-by-earlier';
    const turn = await turnAfter(controller, ended, { again });
    if (turn !== null) return turn;
  }
  return null;
}

/** Returns the steps in batches: neighbours of the same group together, each other step alone. */
export function batchesOf(steps: readonly Step[]): readonly (readonly Step[])[] {
  const batches: Step[][] = [];
  for (const step of steps) {
    const last = batches.at(-1);
    if (last !== undefined && step.group !== undefined && last[0]?.group === step.group) {
      last.push(step);
    } else {
      batches.push([step]);
    }
  }
  return batches;
}

/**
 * Carries the steps out at the same time and resolves when none of them is still working. If one
 * fails before the point of no return, the others are ended early, because all will be taken back.
 * After it they continue to their own ends, because the run needs them. Throws what interrupted the
 * controller, after all have ended.
 */
async function atOnce(controller: Controller, batch: readonly Step[]): Promise<readonly Ended[]> {
  const { steps, emit } = controller;
  const abandon = new AbortController();
  const ends = await Promise.allSettled(
    batch.map(async (step): Promise<Ended> => {
      const { name, title, waits } = step;
      const number = steps.indexOf(step) + 1;
      emit({ type: 'step-started', step: name, title, waits, number, of: steps.length });
      const end = await carryOut(controller, step, abandon.signal);
      // Like the operator's stop, this has an effect only before the point of no return.
      if (end.kind === 'failed') abandon.abort();
      return { step: name, end };
    }),
  );
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

/**
 * `again`: the step of no return was requested and has not happened, so the run still goes back if
 * that can be made certain.
 */
async function turnAfter(
  controller: Controller,
  ended: readonly Ended[],
  { again }: { again: boolean },
): Promise<Turn | null> {
  const { run, progress, journal, stop } = controller;
  const { runId } = run;
  const failed = ended.flatMap(({ step, end }) =>
    end.kind === 'failed' ? [{ step, error: end.error }] : [],
  )[0];
  if (failed && progress.pastNoReturn) {
    const standing = again
      ? await turnBack(controller)
      : leftOpen(runId, failed.step, failed.error);
    if (standing !== null) return { kind: 'open', error: standing };
  }
  const stopped = ended.filter(({ end }) => end.kind === 'stopped');
  const unsettled = ended.filter(({ end }) => 'settled' in end && !end.settled);
  const [first] = unsettled;
  if (first !== undefined) {
    // For a step that failed the journal says that the run goes back; for one that was stopped it
    // does not yet.
    for (const { step } of unsettled.filter((one) => stopped.includes(one))) {
      await journal.append({ type: 'undo-intent', step });
    }
    return { kind: 'open', error: actUnsettled(runId, first.step) };
  }
  if (failed !== undefined) return { kind: 'undo', error: failed.error };
  return stopped.length > 0 ? { kind: 'undo', error: stop.reason } : null;
}

function leftOpen(runId: string, step: string, error: ThrowoverError) {
  return runbookErrors.make(
    'run-left-open',
    `run ${runId}: ${step} failed after the point of no return: ${error.message}`,
    { runId, step, error: error.toJSON() },
    error,
  );
}

function actUnsettled(runId: string, step: string) {
  return runbookErrors.make(
    'act-unsettled',
    `run ${runId}: what ${step} had begun did not end, so it cannot be undone yet`,
    { runId, step },
  );
}
