import type { ThrowoverError } from '../kernel/kernel.ts';
import { carryOut, type StepEnd } from './carry-out.ts';
import type { Controller } from './controller.ts';
import { runbookErrors } from './errors.ts';
import type { Step } from './step.ts';

/** Which way a run goes that does not simply go on: back, or nowhere for now. */
export interface Turn {
  readonly kind: 'undo' | 'open';
  readonly error: ThrowoverError;
}

interface Ended {
  readonly step: string;
  readonly end: StepEnd;
}

/** Carries out every step that has no outcome yet. Null when all are done; else which way the run goes, and why. */
export async function forward(controller: Controller): Promise<Turn | null> {
  const { steps, progress, stop } = controller;
  for (const batch of batchesOf(steps)) {
    const left = batch.filter(({ name }) => !progress.outcomes.has(name));
    if (left.length === 0) continue;
    if (stop.aborted && !progress.pastNoReturn) return { kind: 'undo', error: stop.reason };
    const turn = await turnAfter(controller, await atOnce(controller, left));
    if (turn !== null) return turn;
  }
  return null;
}

/** Runs of neighbours with the same group; a step without one stands alone. */
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
 * Carries the steps out beside each other and resolves when none of them works any more. When one
 * fails before the point of no return the others are ended early: all will be taken back. After it
 * they go on to their own ends: the run will need them anyway.
 * Throws what interrupted the controller, after all have ended.
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
      // As the operator's stop, it counts before the point of no return alone.
      if (end.kind === 'failed') abandon.abort();
      return { step: name, end };
    }),
  );
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

async function turnAfter(
  { run, progress, journal, stop }: Controller,
  ended: readonly Ended[],
): Promise<Turn | null> {
  const { runId } = run;
  const failed = ended.flatMap(({ step, end }) =>
    end.kind === 'failed' ? [{ step, error: end.error }] : [],
  )[0];
  if (failed && progress.pastNoReturn) {
    return { kind: 'open', error: leftOpen(runId, failed.step, failed.error) };
  }
  const stopped = ended.filter(({ end }) => end.kind === 'stopped');
  const unsettled = ended.filter(({ end }) => end.kind !== 'done' && !end.settled);
  const [first] = unsettled;
  if (first !== undefined) {
    // A step that failed has said in the journal that the run goes back; one that was stopped has not.
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
