import type { z } from 'zod';
import type { Evidence } from '../kernel/kernel.ts';
import type { JournalRecord } from '../store/store.ts';
import type { StepContext } from './step.ts';

/**
 * Reads the result that a step wrote to the journal when it was done. `null`: the step is not done,
 * or another version wrote a result of another shape.
 */
export interface StepOutcome<T> {
  readonly step: string;
  /** Returns it for a later step of the same run. */
  of(context: Pick<StepContext, 'outcomes'>): T | null;
  /** Returns the newest one of a run's journal, with its record. */
  in(records: readonly JournalRecord[]): (OutcomeRecord & { readonly outcome: T }) | null;
  /** Returns when the step was last seen done, wall ms, whatever it left. */
  doneMs(records: readonly JournalRecord[]): number | null;
}

type OutcomeRecord = Extract<JournalRecord, { type: 'outcome' }>;

export function stepOutcome<T>(step: string, schema: z.ZodType<T>): StepOutcome<T> {
  const read = (evidence: Evidence | undefined) => schema.safeParse(evidence).data ?? null;
  const newest = (records: readonly JournalRecord[]) =>
    records.findLast(
      (one): one is OutcomeRecord & JournalRecord => one.type === 'outcome' && one.step === step,
    );
  return {
    step,
    of: ({ outcomes }) => read(outcomes.get(step)),
    in: (records) => {
      const record = newest(records);
      const outcome = read(record?.evidence);
      return record === undefined || outcome === null ? null : { ...record, outcome };
    },
    doneMs: (records) => newest(records)?.wallMs ?? null,
  };
}
