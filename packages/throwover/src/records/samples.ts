/**
 * Samples that are measured between runs and at their end, and stored for the forecast
 * (server/evidence-log.ts).
 *
 * `...WallMs` are milliseconds of wall clock since the Unix epoch. `...LifeMs` are milliseconds of
 * life time: where the lab scales a minute of waiting to a second, the measuring part multiplies
 * before it stores.
 */

import { z } from 'zod';
import { beaconCount, curveSchema } from '../traffic/stragglers/stragglers.ts';
import { behaviours } from '../traffic/traffic.ts';
import type { ValueOf } from '../wire/wire.ts';
import { invalid } from './invalid.ts';

const name = z.string().min(1).max(200);
const wallMs = z.number().nonnegative();
const ms = z.number().nonnegative();
const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const region = name;

/** Most elements in one list of a sample; longer data is bounded or evenly sampled. */
const maxElements = 2_000;
const listOf = <T extends z.ZodType>(element: T) => z.array(element).max(maxElements);

/** How long one resolver keeps answers, as a survey measured it from one vantage. */
const resolverSample = z.strictObject({
  atWallMs: wallMs,
  vantage: name,
  /** `address:port`, or a name. */
  resolver: name,
  /**
   * The address that asked the canary's authoritative server for this resolver; null when none was
   * seen.
   */
  identity: name.nullable(),
  behaviour: z.enum(behaviours),
  clampLifeSeconds: z.number().nonnegative().nullable(),
  ttlSeconds: z.number().nonnegative(),
  /** How long the old answer was still given after it was replaced; one value for each trial. */
  holdoversLifeMs: listOf(ms),
  trials: count,
  /** Whether the longest hold has ended; otherwise the figures are lower bounds ("at least"). */
  finished: z.boolean(),
});

/** Connections at a region's door. */
const connectionsSample = z.strictObject({
  atWallMs: wallMs,
  region,
  open: count,
  /** Ages of an even sample of the connections. */
  agesMs: listOf(ms),
  /**
   * Share of `requests` that came on connections older than the TTL; null when there were no
   * requests.
   */
  requestsOnOldShare: share.nullable(),
  requests: count,
});

const stragglerCurveSample = z.strictObject({
  runId: name,
  from: region,
  to: region,
  flippedWallMs: wallMs,
  ttlSeconds: z.number().nonnegative(),
  ...curveSchema.shape,
  /** The latency that forwarding added to a straggler. */
  addedLatencyMs: z.strictObject({ count, p50: z.number(), p99: z.number() }).nullable(),
});

const fiveMinuteFigures = z.strictObject({
  requests: count,
  p50Ms: ms,
  p99Ms: ms,
  errorRate: share,
});

/** Returns the sample without `busyShare`, which an earlier version stored, always as null. */
function withoutBusyShare(sample: unknown): unknown {
  if (typeof sample !== 'object' || sample === null || !('busyShare' in sample)) return sample;
  const { busyShare: _, ...rest } = sample;
  return rest;
}

const measuredFiveMinutes = z.strictObject({
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
  /** All five minutes together; null when nobody counted them. */
  whole: fiveMinuteFigures.nullable(),
  /** The region that was active before, until the run's first act. */
  baseline: fiveMinuteFigures.nullable(),
  costUsd: z.number().nonnegative().nullable(),
});

const fiveMinutesSample = z.preprocess(withoutBusyShare, measuredFiveMinutes);

const warmUpSample = z.strictObject({
  runId: name.nullable(),
  region,
  strategy: name,
  instances: count,
  /** Time from the request until all instances were ready. */
  readyMs: ms,
  atWallMs: wallMs,
});

/**
 * A time in life ms. `null`: unknown. `atLeast`: a lower bound, because there are too few samples
 * for the quantile or a part is unknown.
 */
const boundedMs = z.strictObject({ lifeMs: ms.nullable(), atLeast: z.boolean() });
export type Bounded = ValueOf<typeof boundedMs>;

/**
 * When one share of traffic is predicted to be served: the 5 %, 50 % and 95 % quantiles over the
 * drawn worlds.
 */
const predictedShare = z.strictObject({ p5: boundedMs, p50: boundedMs, p95: boundedMs });
export type Predicted = ValueOf<typeof predictedShare>;

/** The forecast before a run, stored to be scored. */
const forecastSample = z.strictObject({
  runId: name,
  atWallMs: wallMs,
  kind: name,
  seed: count,
  /** Time after the flip until this share of requests reaches the active region directly. */
  holdover: z.strictObject({ t50: predictedShare, t90: predictedShare, t99: predictedShare }),
  /** Time after the first act (failover: after the loss) until this share of requests is served. */
  rto: z.strictObject({ t50: predictedShare, t90: predictedShare, t99: predictedShare }),
  /** Share of traffic behind resolvers whose holdover was never measured; `null`: no weights. */
  residualShare: share.nullable(),
  /** Time from showing the plan until it was approved; null: it was approved with the command. */
  approveMs: ms.nullable(),
  weights: z.enum(['known', 'unknown']),
});

/** One figure of a forecast, with the measured value. */
const scoredShare = z.strictObject({
  predictedLifeMs: ms.nullable(),
  lowLifeMs: ms.nullable(),
  highLifeMs: ms.nullable(),
  measuredLifeMs: ms.nullable(),
  /** Whether the measured value is within the 90 % interval; null when one of them is unknown. */
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
  beacon: beaconCount,
  connections: connectionsSample,
  'straggler-curve': stragglerCurveSample,
  'five-minutes': fiveMinutesSample,
  'warm-up': warmUpSample,
  forecast: forecastSample,
  'forecast-score': forecastScoreSample,
} as const;

export type EvidenceKind = keyof typeof evidenceSamples;
export type EvidenceSample<K extends EvidenceKind> = ValueOf<(typeof evidenceSamples)[K]>;

/** Returns the samples that are to be added. Throws `bad-request` if one of them is invalid. */
export function samplesOf<K extends EvidenceKind>(
  kind: K,
  given: unknown,
): readonly EvidenceSample<K>[] {
  const read = z.array(evidenceSamples[kind]).safeParse(given);
  if (read.success) return read.data as EvidenceSample<K>[];
  throw invalid(`evidence of kind ${kind}`, read.error);
}

/**
 * Returns the time of a sample, wall ms: `since` is compared with it, and old samples are deleted
 * by it.
 */
export function wallMsOf(sample: EvidenceSample<EvidenceKind>): number | null {
  if ('atWallMs' in sample) return sample.atWallMs;
  if ('toWallMs' in sample) return sample.toWallMs;
  if ('flippedWallMs' in sample) return sample.flippedWallMs;
  return null;
}

/** Most samples in one call, for reading and for adding. */
export const maxSamplesACall = 1_000;

/** Which samples to return: `since` is part of the period, `until` is not. */
export interface SampleQuery {
  readonly sinceWallMs?: number | undefined;
  readonly untilWallMs?: number | undefined;
  readonly limit?: number | undefined;
  readonly skip?: number | undefined;
}

/**
 * The store of samples; `throwover serve` keeps them for a service.
 *
 * Losing it loses figures, never a run. Both calls have a deadline of 2 s. `add` is not retried (a
 * duplicate sample counts twice). Throws `store-away`, or `bad-request` for an invalid sample.
 */
export interface EvidenceLog {
  add<K extends EvidenceKind>(kind: K, samples: readonly EvidenceSample<K>[]): Promise<void>;
  /**
   * Returns samples, newest first: at most `limit` (and never more than `maxSamplesACall`) after
   * the first `skip`.
   */
  list<K extends EvidenceKind>(
    kind: K,
    options?: SampleQuery,
  ): Promise<readonly EvidenceSample<K>[]>;
}
