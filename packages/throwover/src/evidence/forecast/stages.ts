import { stepsOf } from '../../records/records.ts';
import type { JournalRecord } from '../../store/store.ts';
import { lifeBetween } from '../measurement/life-time.ts';

/** Stages that must be over before traffic moves, in their order. */
export const stagesBeforeFlip = [
  'detect',
  'decide',
  'approve',
  'prepare',
  'fence',
  'catch-up',
  'promote',
  'forward',
  'flip',
] as const;
/** These overlap after the flip. `holdover` is drawn from facts about caches (holdover.ts). */
const stagesAfterFlip = ['warm-up', 'webhooks'] as const;
export type Stage = (typeof stagesBeforeFlip)[number] | (typeof stagesAfterFlip)[number];

/** The stage of each step; a step without a stage delays nobody. */
const stageOfStep: Readonly<Record<string, Stage>> = {
  'lower-ttl': 'prepare',
  warm: 'prepare',
  prewarm: 'prepare',
  checkpoint: 'prepare',
  'wait-for-lag': 'prepare',
  'hold-webhooks': 'prepare',
  'hold-door': 'fence',
  fence: 'fence',
  'expire-writer': 'fence',
  'keep-in-sync': 'fence',
  'catch-up': 'catch-up',
  salvage: 'catch-up',
  promote: 'promote',
  'open-epoch': 'promote',
  forward: 'forward',
  flip: 'flip',
};

/** The stages of one earlier run, life ms each. */
export type StageSample = Readonly<Partial<Record<Stage, number>>>;

/**
 * Returns by how much each stage of a run delayed the next, from its journal. Stages end in their
 * order, so a step that runs beside a longer one costs nothing. `null` for a run that was replanned
 * or has not flipped: its steps do not belong to one plan.
 */
export function stageSample(
  run: {
    readonly startedWallMs: number;
    readonly plan: unknown;
    readonly records: readonly JournalRecord[];
  },
  timeScale: number,
): StageSample | null {
  const { steps, firstActMs, flippedMs } = stepsOf(run);
  if (flippedMs === null) return null;
  if (run.records.some(({ type }) => type === 'replanned' || type === 'taken-over')) return null;
  // Until the flip, only steps that say that they wait are scaled.
  const evidence = { flippedMs: null, steps, timeScale };
  const sample: Partial<Record<Stage, number>> = {};
  let reachedMs = firstActMs;
  for (const stage of stagesBeforeFlip) {
    const ends = steps.filter(({ name }) => stageOfStep[name] === stage).map(({ endMs }) => endMs);
    if (ends.length === 0) continue;
    const endMs = stage === 'flip' ? flippedMs : Math.max(...ends);
    sample[stage] = lifeBetween(evidence, reachedMs, endMs);
    reachedMs = Math.max(reachedMs, endMs);
  }
  const webhooks = steps.find(({ name }) => name === 'deliver-webhooks');
  if (webhooks !== undefined) {
    sample.webhooks = lifeBetween({ ...evidence, flippedMs }, flippedMs, webhooks.endMs);
  }
  return sample;
}
