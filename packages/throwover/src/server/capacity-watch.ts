import { type HeldCapacity, heldCapacity } from '../functions/functions.ts';
import {
  type Clock,
  every,
  formatMs,
  orNull,
  type TimeScale,
  type Watching,
} from '../kernel/kernel.ts';
import type { Notice } from '../notify/notify.ts';
import type { RegionPorts } from '../runs/runs.ts';
import { journalOf, type RunSummary, type Store } from '../store/store.ts';

/** Pause between two looks, ms of life time. */
const everyLifeMs = 60_000;

/** People are told again after this time, ms of life time, until the capacity is released. */
const remindLifeMs = 3_600_000;

/** How long an open run may hold its capacity beyond the declared time, ms of life time. */
const patienceLifeMs = 1_800_000;

/** Number of newest runs that may have left capacity: a week of rehearsals. */
const runsLookedAt = 20;

export interface CapacityWatch {
  readonly service: string;
  readonly regions: readonly Pick<RegionPorts, 'name' | 'functions'>[];
  readonly store: Pick<Store, 'runs' | 'run'>;
  /** How long capacity is kept after a flip, ms of life time. */
  readonly keepLifeMs: number;
  readonly timeScale: TimeScale;
  readonly tell: (notice: Notice) => void;
  readonly clock: Clock;
}

/**
 * Tells people of provisioned capacity that a run requested and that was not released, every hour
 * until it is, because every hour of it costs money. The journal tells what a run requested, even
 * if its controller died; the provider tells what is still there, so capacity that somebody
 * released by hand is not reported. Changes nothing itself, because an open run may depend on the
 * capacity. Ends when the signal is aborted.
 */
export async function watchCapacity(watch: CapacityWatch & Watching): Promise<void> {
  const memory = newCapacityMemory();
  const pauseMs = watch.timeScale.real(everyLifeMs);
  await every({ ...watch, pauseMs }, () => orNull(() => remindOfCapacity(watch, memory)));
}

export interface CapacityMemory {
  /** Time of the last notice about each run, wall ms. */
  readonly told: Map<string, number>;
  /**
   * The capacity that each ended run holds. Its journal does not change any more and is read once.
   */
  readonly ended: Map<string, HeldCapacity | null>;
}

export const newCapacityMemory = (): CapacityMemory => ({ told: new Map(), ended: new Map() });

export async function remindOfCapacity(
  watch: CapacityWatch,
  { told, ended }: CapacityMemory,
): Promise<void> {
  const { store, service, clock, timeScale, keepLifeMs } = watch;
  const nowMs = clock.wallMs();
  const runs = await store.runs({ service, limit: runsLookedAt });
  const looked = new Set(runs.map(({ runId }) => runId));
  for (const runId of ended.keys()) if (!looked.has(runId)) ended.delete(runId);
  for (const summary of runs) {
    const before = told.get(summary.runId);
    if (before !== undefined && timeScale.life(nowMs - before) < remindLifeMs) continue;
    const held = await heldBy(watch, summary, ended);
    if (held === null) continue;
    const heldLifeMs = timeScale.life(nowMs - held.askedWallMs);
    if (summary.status === 'running' && heldLifeMs < keepLifeMs + patienceLifeMs) continue;
    const requested = await requestedThere(watch, held);
    if (requested !== 'unknown' && requested <= held.former) continue;
    told.set(summary.runId, nowMs);
    watch.tell(noticeOf({ service, summary, held, requested, heldLifeMs, nowMs }));
  }
}

async function heldBy(
  { store }: CapacityWatch,
  summary: RunSummary,
  ended: Map<string, HeldCapacity | null>,
): Promise<HeldCapacity | null> {
  const known = ended.get(summary.runId);
  if (known !== undefined) return known;
  const records = (await journalOf(store, summary.runId))?.records ?? [];
  const held = heldCapacity({ ...summary, records });
  if (summary.endedWallMs !== null) ended.set(summary.runId, held);
  return held;
}

async function requestedThere(
  { regions }: CapacityWatch,
  { region }: HeldCapacity,
): Promise<number | 'unknown'> {
  const functions = regions.find(({ name }) => name === region)?.functions;
  // The team has removed the functions from throwover.yaml, so the provider cannot be asked.
  if (functions === undefined || functions === null) return 'unknown';
  const facts = await orNull(functions.facts);
  return facts === null ? 'unknown' : (facts.provisioned?.requested ?? 0);
}

function noticeOf(seen: {
  service: string;
  summary: RunSummary;
  held: HeldCapacity;
  requested: number | 'unknown';
  heldLifeMs: number;
  nowMs: number;
}): Notice {
  const { service, summary, held, requested, heldLifeMs, nowMs } = seen;
  const { runId, region, former } = held;
  const what = requested === 'unknown' ? 'Provisioned instances' : `${requested} provisioned`;
  const there =
    requested === 'unknown'
      ? `${region} does not say how many are there now.`
      : `${requested} are there now; ${former} were before the run.`;
  const back =
    former === 0
      ? '`aws lambda delete-provisioned-concurrency-config`'
      : `\`aws lambda put-provisioned-concurrency-config --provisioned-concurrent-executions ${former}\``;
  const open =
    summary.status === 'running' || summary.status === 'failed'
      ? `The run is open: \`throwover resume ${runId}\` releases them at its end, \`throwover abort\` at once where it can still turn back.`
      : `The run is over: release them with ${back} in ${region}.`;
  return {
    kind: 'capacity-held',
    service,
    runId,
    subject: `${what} of ${service} in ${region} are still paid for`,
    text: `${summary.kind} ${runId} asked for them ${formatMs(heldLifeMs)} ago and has not released them. ${there}\n${open}\nYou are told again every hour until they are gone.`,
    wallMs: nowMs,
  };
}
