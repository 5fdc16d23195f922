import type { JournalRecord, RunSummary } from '../store/store.ts';

/** Provisioned capacity that a run has asked for, and what the team had before it. */
export interface HeldCapacity {
  readonly runId: string;
  readonly region: string;
  readonly former: number;
  readonly askedWallMs: number;
}

/**
 * Capacity that a run may have left behind, from its journal: it asked (the intent is there, whatever came
 * of it), and neither its `release` nor its undo is there. `null`: nothing. What is really there only the
 * provider knows.
 */
export function heldCapacity(
  run: Pick<RunSummary, 'runId' | 'to' | 'status'> & { readonly records: readonly JournalRecord[] },
): HeldCapacity | null {
  let held: HeldCapacity | null = null;
  for (const record of run.records) {
    if (record.type === 'intent' && record.step === 'warm' && held === null) {
      const requested = record.observed['requested'];
      // What is no number asked for nothing that has to be released: invocations.
      if (typeof requested !== 'number') continue;
      const { runId, to: region } = run;
      held = { runId, region, former: requested, askedWallMs: record.wallMs };
    }
    if (record.type === 'outcome' && record.step === 'release') held = null;
    if (record.type === 'undo-outcome' && record.step === 'warm') held = null;
  }
  return held;
}
