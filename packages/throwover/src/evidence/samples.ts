/**
 * What is measured between runs and at their end, and kept for the forecast (server/evidence-log.ts).
 *
 * `...WallMs` are milliseconds of wall clock since the Unix epoch. `...LifeMs` are milliseconds of life:
 * where the lab lets a minute of waiting be a second, who measures multiplies before it stores.
 */
import { z } from 'zod';
import { behaviours } from '../traffic/survey/infer.ts';

const name = z.string().min(1).max(200);
const wallMs = z.number().nonnegative();
const ms = z.number().nonnegative();
const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const region = name;

/** Elements in one list of a sample: what it describes is bounded, or is sampled evenly. */
const maxElements = 2_000;
const listOf = <T extends z.ZodType>(element: T) => z.array(element).max(maxElements);

/** How one resolver keeps answers, as the survey saw it from one vantage. */
const resolverSample = z.strictObject({
  atWallMs: wallMs,
  vantage: name,
  /** `address:port`, or a name. */
  resolver: name,
  /** The address from which the canary's authoritative server was asked; null when it was not seen. */
  identity: name.nullable(),
  behaviour: z.enum(behaviours),
  clampLifeSeconds: z.number().nonnegative().nullable(),
  ttlSeconds: z.number().nonnegative(),
  /** How long past being superseded the old answer was still given; one a trial. */
  holdoversLifeMs: listOf(ms),
  trials: count,
  /** Whether the longest hold has come to its end; else the figures are "at least". */
  finished: z.boolean(),
});

/** Which resolver the clients of a network stand behind, by the minute: the weights of resolvers. */
const beaconSample = z.strictObject({
  fromWallMs: wallMs,
  toWallMs: wallMs,
  /** The clients' /24 or /48. */
  network: name,
  /** Identity of the resolver. */
  resolver: name,
  count,
});

/** Connections at a region's door. */
const connectionsSample = z.strictObject({
  atWallMs: wallMs,
  region,
  open: count,
  /** Of an even sample of them. */
  agesMs: listOf(ms),
  /** Share of `requests` that came on connections older than the TTL; null without requests. */
  requestsOnOldShare: share.nullable(),
  requests: count,
});

/** Requests of the time from the point before (the first: from the flip) until this one. */
const curvePoint = z.strictObject({
  sinceFlipLifeMs: ms,
  /** Of both regions. */
  requests: count,
  stragglers: count,
  byCause: z.strictObject({
    'resolver-tail': count,
    'pinned-connection': count,
    'runtime-cache': count,
    unknown: count,
  }),
});

const stragglerCurveSample = z.strictObject({
  runId: name,
  from: region,
  to: region,
  flippedWallMs: wallMs,
  ttlSeconds: z.number().nonnegative(),
  points: listOf(curvePoint),
  /** After the flip, from when on the share of requests that reach the active region directly stays at 50 % or more; null: it never did. */
  t50LifeMs: ms.nullable(),
  t90LifeMs: ms.nullable(),
  t99LifeMs: ms.nullable(),
  residualShare: share,
  drained: z.boolean(),
  /** What forwarding cost a straggler. */
  addedLatencyMs: z.strictObject({ count, p50: z.number(), p99: z.number() }).nullable(),
});

const fiveMinuteFigures = z.strictObject({
  requests: count,
  p50Ms: ms,
  p99Ms: ms,
  errorRate: share,
});

const fiveMinutesSample = z.strictObject({
  runId: name,
  region,
  strategy: name,
  minutes: listOf(
    z.strictObject({
      minute: count,
      requests: count,
      p50Ms: ms,
      p99Ms: ms,
      errorRate: share,
      coldStarts: count.nullable(),
    }),
  ),
  /** All of the five minutes together; null: nobody counted them. */
  whole: fiveMinuteFigures.nullable(),
  /** The region that was active before, until the run's first act. */
  baseline: fiveMinuteFigures.nullable(),
  /** Of the machine, while it was measured. */
  busyShare: share.nullable(),
  costUsd: z.number().nonnegative().nullable(),
});

const warmUpSample = z.strictObject({
  runId: name.nullable(),
  region,
  strategy: name,
  instances: count,
  /** From the request until all were ready. */
  readyMs: ms,
  atWallMs: wallMs,
});

/** `null`: unknown. `atLeast`: fewer samples than the quantile needs, or a part that is unknown. */
const boundedMs = z.strictObject({ lifeMs: ms.nullable(), atLeast: z.boolean() });

/** Of one share of traffic: when it is served. */
const predictedShare = z.strictObject({
  p5: boundedMs,
  p50: boundedMs,
  p95: boundedMs,
});

/** What was forecast before a run, kept to be scored. */
const forecastSample = z.strictObject({
  runId: name,
  atWallMs: wallMs,
  kind: name,
  seed: count,
  /** After the flip, in which share of requests reaches the active region directly. */
  holdover: z.strictObject({ t50: predictedShare, t90: predictedShare, t99: predictedShare }),
  /** After the first act (failover: after the loss), in which share of requests is served. */
  rto: z.strictObject({ t50: predictedShare, t90: predictedShare, t99: predictedShare }),
  residualShare: share.nullable(),
  /** From the plan's being shown until it was approved; null: it was approved with the command. */
  approveMs: ms.nullable(),
  weights: z.enum(['known', 'unknown']),
});

/** One figure of a forecast beside what was measured. */
const scoredShare = z.strictObject({
  predictedLifeMs: ms.nullable(),
  lowLifeMs: ms.nullable(),
  highLifeMs: ms.nullable(),
  measuredLifeMs: ms.nullable(),
  /** Measured stands within the 90 % interval; null: one of them is unknown. */
  inside: z.boolean().nullable(),
});

const forecastScoreSample = z.strictObject({
  runId: name,
  atWallMs: wallMs,
  t50: scoredShare,
  t90: scoredShare,
  t99: scoredShare,
});

export const evidenceSamples = {
  resolver: resolverSample,
  beacon: beaconSample,
  connections: connectionsSample,
  'straggler-curve': stragglerCurveSample,
  'five-minutes': fiveMinutesSample,
  'warm-up': warmUpSample,
  forecast: forecastSample,
  'forecast-score': forecastScoreSample,
} as const;

export type EvidenceKind = keyof typeof evidenceSamples;
export type EvidenceSample<K extends EvidenceKind> = z.infer<(typeof evidenceSamples)[K]>;

export const isEvidenceKind = (kind: string): kind is EvidenceKind =>
  Object.hasOwn(evidenceSamples, kind);

/** When a sample counts, wall ms: what `since` is compared with, and after what it is forgotten. */
export function wallMsOf(sample: EvidenceSample<EvidenceKind>): number | null {
  if ('atWallMs' in sample) return sample.atWallMs;
  if ('toWallMs' in sample) return sample.toWallMs;
  if ('flippedWallMs' in sample) return sample.flippedWallMs;
  return null;
}

/** Most samples in one call, either way. */
export const maxSamplesACall = 1_000;

/** Which samples: `since` is part of the time, `until` is not. */
export interface SampleQuery {
  readonly sinceWallMs?: number | undefined;
  readonly untilWallMs?: number | undefined;
  readonly limit?: number | undefined;
  readonly skip?: number | undefined;
}

/**
 * Where samples are kept; `throwover serve` keeps them for a service.
 *
 * Losing it loses figures, never a run. Both calls: deadline 2 s; `add` is not repeated (a sample that is
 * there twice counts twice); throws `store-away`, or `bad-request` for what is no sample.
 */
export interface EvidenceLog {
  add<K extends EvidenceKind>(kind: K, samples: readonly EvidenceSample<K>[]): Promise<void>;
  /** Newest first, at most `limit` (and never more than `maxSamplesACall`) after the first `skip`. */
  list<K extends EvidenceKind>(
    kind: K,
    options?: SampleQuery,
  ): Promise<readonly EvidenceSample<K>[]>;
}
