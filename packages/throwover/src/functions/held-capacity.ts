import type { RunState } from '../store/store.ts';

/** Provisioned capacity that a run has requested, and the team's own capacity before it. */
export interface HeldCapacity {
  readonly runId: string;
  readonly region: string;
  readonly former: number;
  readonly askedWallMs: number;
}

/**
 * Returns the capacity that a run may have left behind, from its journal: the run requested it (the
 * intent is there, with any outcome), and neither its `release` nor its undo is there. `null`:
 * none. Only the provider knows the real capacity.
 */
export function heldCapacity(run: Pick<RunState, 'runId' | 'to' | 'records'>): HeldCapacity | null {
  let held: HeldCapacity | null = null;
  for (const record of run.records) {
    if (record.type === 'intent' && record.step === 'warm' && held === null) {
      const requested = record.observed['requested'];
      // If it is no number, the run used invocations, which need no release.
      if (typeof requested !== 'number') continue;
      const { runId, to: region } = run;
      held = { runId, region, former: requested, askedWallMs: record.wallMs };
    }
    if (record.type === 'outcome' && record.step === 'release') held = null;
    // `left`: the person who aborted the run accepted that the capacity stays for now.
    const undone = record.type === 'undo-outcome' && record.result !== 'left';
    if (undone && record.step === 'warm') held = null;
  }
  return held;
}
