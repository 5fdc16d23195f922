import { scoreForecast } from '../evidence/evidence.ts';
import { type Clock, every, orNull, type TimeScale, type Watching } from '../kernel/kernel.ts';
import { type EvidenceLog, type EvidenceSample, stepsOf } from '../records/records.ts';
import { journalOf, type RunSummary, type Store } from '../store/store.ts';
import {
  type EpochReport,
  joinBeacons,
  type ResolverKnowledge,
  stragglerCurve,
} from '../traffic/stragglers/stragglers.ts';
import type { DoorCounts } from '../traffic/traffic.ts';

/** Pause between two looks, ms of life time. */
const everyLifeMs = 60_000;

/**
 * Longest time that a run's stragglers are watched, ms of life time: eight times the longest hold
 * that was seen.
 */
const longestWatchLifeMs = 7_200_000;

/**
 * Number of newest runs that may still have stragglers: those since the last look, and one before.
 */
const runsLookedAt = 10;

/** Number of samples that are read for resolvers: the newest of each counts. */
const resolverSamples = 500;

export interface StragglerWatch {
  readonly service: string;
  readonly doors: readonly DoorCounts[];
  readonly ttlMs: number;
  readonly timeScale: TimeScale;
  readonly store: Pick<Store, 'runs' | 'run'>;
  readonly evidence: EvidenceLog;
  /**
   * Returns the resolver that asked the canary zone for each nonce; `null`: there is no canary
   * zone.
   */
  readonly resolverOf: ((nonces: readonly string[]) => Promise<ReadonlyMap<string, string>>) | null;
  readonly clock: Clock;
}

/**
 * Records the connections and beacons that the doors see, every minute. For each run that has
 * flipped the DNS it also records once how the traffic moved: when it has drained, when the next
 * run begins, or after two hours. A door that does not answer is left out and asked again. Ends
 * when the signal is aborted.
 */
export async function watchStragglers(watch: StragglerWatch & Watching): Promise<void> {
  const { clock, timeScale } = watch;
  const written = new Set<string>();
  let sinceWallMs = clock.wallMs();
  await every({ ...watch, pauseMs: timeScale.real(everyLifeMs) }, async () => {
    const nowMs = clock.wallMs();
    // An error costs a figure; the next look is soon.
    await orNull(() => sampleConnections(watch));
    await orNull(() => sampleBeacons(watch, sinceWallMs, nowMs));
    sinceWallMs = nowMs;
    await orNull(() => writeCurves(watch, written));
  });
}

async function sampleConnections({ doors, evidence, ttlMs, timeScale }: StragglerWatch) {
  const samples: EvidenceSample<'connections'>[] = [];
  for (const door of doors) {
    // The zone's TTL is scaled here like other waits.
    const report = await orNull(() => door.connections(timeScale.real(ttlMs)));
    if (report === null) continue;
    const { atWallMs, open, agesMs, requests, requestsOnOldShare } = report;
    samples.push({
      atWallMs,
      region: door.region,
      open,
      agesMs: agesMs.map((ms) => timeScale.life(ms)),
      requests,
      requestsOnOldShare: requestsOnOldShare ?? 0,
    });
  }
  if (samples.length > 0) await evidence.add('connections', samples);
}

/**
 * Records the beacons that arrived between two looks. The canary has seen a name before its client
 * reports it.
 */
async function sampleBeacons(
  { doors, resolverOf, evidence, timeScale }: StragglerWatch,
  sinceWallMs: number,
  untilWallMs: number,
) {
  if (resolverOf === null) return;
  const all = await Promise.all(doors.map((door) => orNull(() => door.beacons(sinceWallMs))));
  const reports = all
    .flatMap((beacons) => beacons ?? [])
    .filter(({ wallMs }) => wallMs >= sinceWallMs && wallMs < untilWallMs);
  if (reports.length === 0) return;
  const seen = await resolverOf(reports.map(({ nonce }) => nonce));
  const counts = joinBeacons(reports, seen, timeScale.real(everyLifeMs));
  if (counts.length > 0) await evidence.add('beacon', counts);
}

/** `written`: runs that are already recorded. */
export async function writeCurves(watch: StragglerWatch, written: Set<string>): Promise<void> {
  const { store, service, evidence } = watch;
  const runs = await store.runs({ service, limit: runsLookedAt });
  if (runs.every(({ runId }) => written.has(runId))) return;
  // This process may have restarted in between.
  for (const { runId } of await evidence.list('straggler-curve', { limit: runsLookedAt })) {
    written.add(runId);
  }
  for (const [index, run] of runs.entries()) {
    if (written.has(run.runId)) continue;
    const next = runs[index - 1];
    const sample = await curveOf(watch, run, next?.startedWallMs ?? null);
    if (sample === 'later') continue;
    if (sample !== 'never') {
      await evidence.add('straggler-curve', [sample]);
      await score(watch, sample);
    }
    written.add(run.runId);
  }
}

/**
 * Stores the forecast from before the run beside the doors' measurements. A run without a forecast
 * has no score.
 */
async function score(
  { evidence, clock }: StragglerWatch,
  curve: EvidenceSample<'straggler-curve'>,
): Promise<void> {
  const forecasts = await evidence.list('forecast', { limit: runsLookedAt });
  const made = forecasts.find(({ runId }) => runId === curve.runId);
  if (made === undefined) return;
  await evidence.add('forecast-score', [scoreForecast(made, curve, clock.wallMs())]);
}

/**
 * `later`: the curve may still change. `never`: there was no flip, or the doors have not counted
 * it.
 */
async function curveOf(
  watch: StragglerWatch,
  run: RunSummary,
  nextWallMs: number | null,
): Promise<EvidenceSample<'straggler-curve'> | 'later' | 'never'> {
  const { doors, store, timeScale, ttlMs, clock } = watch;
  const journal = await journalOf(store, run.runId);
  const flippedWallMs = journal === null ? null : stepsOf(journal).flippedMs;
  if (flippedWallMs === null) {
    return run.endedWallMs === null && nextWallMs === null ? 'later' : 'never';
  }
  const untilWallMs = nextWallMs ?? clock.wallMs();
  const watchedLifeMs = timeScale.life(untilWallMs - flippedWallMs);
  const over = nextWallMs !== null || watchedLifeMs > longestWatchLifeMs;
  const of = async (region: string, role: EpochReport['role']) => {
    const door = doors.find((one) => one.region === region);
    const reports = door === undefined ? null : await orNull(() => door.stragglers(run.epoch + 1));
    return reports?.find((one) => one.epoch === run.epoch + 1 && one.role === role) ?? null;
  };
  const [old, next] = await Promise.all([of(run.from, 'forward'), of(run.to, 'serve')]);
  // The door of a lost region counts nothing, and without it it is unknown which clients still went
  // there.
  if (old === null || next === null) return over ? 'never' : 'later';
  const ttlSeconds = ttlMs / 1_000;
  const knowledge = await knowledgeOf(watch);
  const curve = stragglerCurve({
    old,
    next,
    flippedWallMs,
    untilWallMs,
    ttlSeconds,
    timeScale,
    knowledge,
  });
  if (!curve.drained && !over) return 'later';
  const { runId, from, to } = run;
  const addedLatencyMs = old.addedMs;
  return { runId, from, to, flippedWallMs, ttlSeconds, ...curve, addedLatencyMs };
}

/** Returns the newest sample of each resolver, and all stored beacons. */
async function knowledgeOf({ evidence }: StragglerWatch): Promise<ResolverKnowledge> {
  const [resolvers, beacons] = await Promise.all([
    evidence.list('resolver', { limit: resolverSamples }),
    evidence.list('beacon'),
  ]);
  const newest = new Map<string, (typeof resolvers)[number]>();
  for (const resolver of resolvers) {
    const key = resolver.identity ?? resolver.resolver;
    if (!newest.has(key)) newest.set(key, resolver);
  }
  return { resolvers: [...newest.values()], beacons };
}
