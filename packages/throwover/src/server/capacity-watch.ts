import { type HeldCapacity, heldCapacity } from '../functions/functions.ts';
import { type Clock, formatMs, isThrowoverError } from '../kernel/kernel.ts';
import type { Notice } from '../notify/notify.ts';
import type { RegionPorts } from '../runs/runs.ts';
import type { RunSummary, Store } from '../store/store.ts';

/** Time between two looks, life ms. */
const everyLifeMs = 60_000;

/** People are told again after this, life ms, until it is released. */
const remindLifeMs = 3_600_000;

/** A run that goes on may hold its capacity for so long beyond the time for which it is kept, life ms. */
const patienceLifeMs = 1_800_000;

/** Runs that may have left something: a week of rehearsals. */
const runsLookedAt = 20;

export interface CapacityWatch {
  readonly service: string;
  readonly regions: readonly Pick<RegionPorts, 'name' | 'functions'>[];
  readonly store: Pick<Store, 'runs' | 'run'>;
  /** How long capacity is kept after a flip, life ms. */
  readonly keepLifeMs: number;
  readonly timeScale: number;
  readonly tell: (notice: Notice) => void;
  readonly clock: Clock;
}

/**
 * Tells people of provisioned capacity that a run has asked for and nobody has released, every hour until
 * it is: each hour of it is paid for. It knows by the journal, so a controller that died is no excuse, and
 * asks the provider, so what somebody has released by hand is not told. Changes nothing itself: what is
 * there may be what a run that goes on depends on. Ends when the signal is aborted.
 */
export async function watchCapacity(
  watch: CapacityWatch & { readonly signal: AbortSignal },
): Promise<void> {
  const told = new Map<string, number>();
  while (!watch.signal.aborted) {
    await remindOfCapacity(watch, told).catch((error: unknown) => {
      // The store is away: nothing is known, and it is asked again.
      if (!isThrowoverError(error)) throw error;
    });
    await watch.clock.sleep(everyLifeMs / watch.timeScale, watch.signal).catch(() => {});
  }
}

/** `told`: when people were last told of each run, wall ms. */
export async function remindOfCapacity(
  watch: CapacityWatch,
  told: Map<string, number>,
): Promise<void> {
  const { store, service, clock, timeScale, keepLifeMs } = watch;
  const nowMs = clock.wallMs();
  for (const summary of await store.runs({ service, limit: runsLookedAt })) {
    const before = told.get(summary.runId);
    if (before !== undefined && (nowMs - before) * timeScale < remindLifeMs) continue;
    const { records } = await store.run(summary.runId);
    const held = heldCapacity({ ...summary, records });
    if (held === null) continue;
    const heldLifeMs = (nowMs - held.askedWallMs) * timeScale;
    if (summary.status === 'running' && heldLifeMs < keepLifeMs + patienceLifeMs) continue;
    const requested = await requestedThere(watch, held);
    if (requested !== 'unknown' && requested <= held.former) continue;
    told.set(summary.runId, nowMs);
    watch.tell(noticeOf({ service, summary, held, requested, heldLifeMs, nowMs }));
  }
}

async function requestedThere(
  { regions }: CapacityWatch,
  { region }: HeldCapacity,
): Promise<number | 'unknown'> {
  const functions = regions.find(({ name }) => name === region)?.functions;
  // The team has taken the functions out of throwover.yaml: nobody knows any more.
  if (functions === undefined || functions === null) return 'unknown';
  try {
    return (await functions.facts()).provisioned?.requested ?? 0;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return 'unknown';
  }
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
