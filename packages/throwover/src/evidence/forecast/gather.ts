import type { Clock } from '../../kernel/kernel.ts';
import { type EvidenceLog, maxSamplesACall, stepsOf } from '../../records/records.ts';
import { type Service, ttlSecondsOf } from '../../service/service.ts';
import { journalOf, type RunState, type Store } from '../../store/store.ts';
import { newestBeacons } from '../../traffic/stragglers/stragglers.ts';
import { answersLeft } from '../../traffic/traffic.ts';
import { holdoverFacts } from './facts.ts';
import type { ForecastFacts, StageFacts } from './forecast.ts';
import { type ForecastKind, forwards } from './kinds.ts';
import { type Stage, stageSample, stagesBeforeFlip } from './stages.ts';

/** Number of earlier runs whose stages are read. */
const runsRead = 40;

/** Beacons, surveys and connections that are older than this do not count, ms. */
const oldestMs = 30 * 24 * 3_600_000;

/**
 * Beacons of this period tell which clients are there now, ms of life time: as long as doors and
 * canary remember them.
 */
const newestLifeMs = 600_000;

/** Number of earlier runs that are read for runtime caches. */
const curvesRead = 20;

/** Stages that every run of a kind has, known before its first run. */
const stagesOf: Readonly<Record<ForecastKind, readonly Stage[]>> = {
  switchover: ['prepare', 'fence', 'catch-up', 'promote', 'forward', 'flip'],
  failback: ['prepare', 'fence', 'catch-up', 'promote', 'forward', 'flip'],
  // Counted from the loss, which no journal records.
  failover: ['detect', 'decide', 'approve', 'fence', 'promote', 'flip'],
  'flip-only': ['flip'],
};

export interface Gathered {
  readonly facts: ForecastFacts;
  /**
   * Returns the facts at another TTL that has been waited out: then the phase of caches is unknown.
   */
  atTtl(ttlSeconds: number): ForecastFacts;
  /** Number of earlier runs of this kind that count. */
  readonly runs: number;
  /** Number of resolvers that told the remaining TTL of their answer. */
  readonly asked: number;
}

/**
 * Gathers the facts that are known before a run: earlier journals, the evidence log, and the
 * remaining TTL of each surveyed resolver's answer. Changes nothing; takes up to 4 s. Errors:
 * `store-away`.
 */
export async function gatherForecast(options: {
  service: Service;
  store: Pick<Store, 'runs' | 'run'>;
  evidence: EvidenceLog;
  kind: ForecastKind;
  /** The region that is left. */
  from: string;
  clock: Clock;
}): Promise<Gathered> {
  const { service, store, evidence, kind, from, clock } = options;
  const nowMs = clock.wallMs();
  const recent = { sinceWallMs: nowMs - oldestMs, limit: maxSamplesACall };
  const [runs, resolvers, beacons, connections, curves, forecasts] = await Promise.all([
    earlierRuns(store, service.name, kind),
    evidence.list('resolver', recent),
    evidence.list('beacon', recent),
    evidence.list('connections', recent),
    evidence.list('straggler-curve', { limit: curvesRead }),
    evidence.list('forecast', { limit: maxSamplesACall }),
  ]);
  const { timeScale, traffic } = service;
  const today = newestBeacons(beacons, nowMs - timeScale.real(newestLifeMs));
  const servers = new Map(resolvers.map((one) => [one.resolver, one.identity ?? one.resolver]));
  const exact = timeScale.factor > 1;
  const left = await answersLeft([...servers.keys()], traffic, { exact, clock });
  const leftLife = new Map(
    [...left].map(([server, ms]) => [servers.get(server) ?? server, timeScale.life(ms)]),
  );
  const samples = runs.flatMap((run) => {
    const sample = stageSample(run, timeScale.factor);
    return sample === null ? [] : [{ run, sample }];
  });
  const approvals = forecasts.filter((one) => one.kind === kind && one.approveMs !== null);
  const seen = new Set(samples.flatMap(({ sample }) => Object.keys(sample) as Stage[]));
  const named = [...stagesBeforeFlip, 'webhooks' as const];
  const stages = named
    .filter((stage) => seen.has(stage) || stagesOf[kind].includes(stage))
    .map((stage): StageFacts => {
      if (stage === 'approve') {
        return {
          stage,
          samplesLifeMs: approvals.flatMap(({ approveMs }) => approveMs ?? []),
          ageMs: ageOf(
            approvals.map(({ atWallMs }) => atWallMs),
            nowMs,
          ),
        };
      }
      const having = samples.filter(({ sample }) => sample[stage] !== undefined);
      return {
        stage,
        samplesLifeMs: having.flatMap(({ sample }) => sample[stage] ?? []),
        ageMs: ageOf(
          having.map(({ run }) => run.startedWallMs),
          nowMs,
        ),
      };
    });
  const holdoverAt = (ttlSeconds: number, phases: ReadonlyMap<string, number>) =>
    holdoverFacts(
      { resolvers, beacons: today, connections, curves },
      {
        ttlSeconds,
        from,
        left: phases,
        untilFlipLifeMs: samples.map(({ run }) => timeScale.life(untilFlipMs(run))),
      },
    );
  const forwarding = forwards(kind);
  const ttlSeconds = ttlSecondsOf(service);
  return {
    facts: { stages, forwarding, holdover: holdoverAt(ttlSeconds, leftLife) },
    atTtl: (other) => ({ stages, forwarding, holdover: holdoverAt(other, new Map()) }),
    runs: samples.length,
    asked: left.size,
  };
}

async function earlierRuns(
  store: Pick<Store, 'runs' | 'run'>,
  service: string,
  kind: string,
): Promise<readonly RunState[]> {
  const runs = await store.runs({ service, limit: runsRead });
  const ended = runs.filter((run) => run.kind === kind && run.status === 'succeeded');
  const journals = await Promise.all(ended.map(({ runId }) => journalOf(store, runId)));
  return journals.filter((run) => run !== null);
}

/** Returns the wall time from the mandate to the flip, because caches age in wall time. */
function untilFlipMs(run: RunState): number {
  const { flippedMs } = stepsOf(run);
  return Math.max(0, (flippedMs ?? run.startedWallMs) - run.startedWallMs);
}

function ageOf(wallMs: readonly number[], nowMs: number): number | null {
  return wallMs.length === 0 ? null : Math.max(0, nowMs - Math.max(...wallMs));
}
