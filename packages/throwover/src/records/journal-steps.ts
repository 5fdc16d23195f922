import type { DurationKind } from '../kernel/kernel.ts';
import type { RunState } from '../store/store.ts';
import { flipped } from '../traffic/traffic.ts';

/** One carrying out of a step: when, how, and how it ended; times in wall ms. */
export interface StepRecord {
  readonly name: string;
  readonly title: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly kind: DurationKind;
  readonly result: 'acted' | 'already-done' | 'failed';
  /** The step's evidence in the journal, for example the way the old side was attached. */
  readonly evidence?: Readonly<Record<string, unknown>>;
}

/** Returns the steps in a run's journal: start, end and result of each. */
export function stepsOf(run: Pick<RunState, 'startedWallMs' | 'plan' | 'records'>) {
  const { steps: planned = [] } = (run.plan ?? {}) as {
    steps?: readonly { name: string; title: string }[];
  };
  const titles = new Map(planned.map(({ name, title }) => [name, title]));
  const steps = run.records.flatMap((record): StepRecord[] => {
    if (record.type !== 'outcome' && record.type !== 'step-failed') return [];
    const { step: name, wallMs: endMs, durationMs } = record;
    const failed = record.type === 'step-failed';
    return [
      {
        name,
        title: titles.get(name) ?? name,
        startMs: endMs - durationMs,
        endMs,
        kind: failed ? 'machine' : record.kind,
        result: failed ? 'failed' : record.result,
        ...(failed ? {} : { evidence: record.evidence }),
      },
    ];
  });
  const firstIntent = run.records.find(({ type }) => type === 'intent');
  return {
    steps,
    /** Start of the first act, wall ms. */
    firstActMs: firstIntent?.wallMs ?? run.startedWallMs,
    /**
     * When the new address was read back from the authoritative servers, wall ms; null when it
     * never was.
     */
    flippedMs: flipped.in(run.records)?.outcome.atWallMs ?? null,
  };
}
