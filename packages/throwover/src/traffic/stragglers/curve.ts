import { z } from 'zod';
import type { TimeScale } from '../../kernel/kernel.ts';
import type { ValueOf } from '../../wire/wire.ts';
import { type Cause, causeReader, type ResolverKnowledge } from './causes.ts';
import type { EpochReport } from './wire.ts';

const count = z.int().nonnegative();
const lifeMs = z.number().nonnegative();

/** Requests from the previous point (the first point: from the flip) until this one. */
const curvePoint = z.strictObject({
  sinceFlipLifeMs: lifeMs,
  /** Requests to both regions. */
  requests: count,
  stragglers: count,
  byCause: z.strictObject({
    'resolver-tail': count,
    'pinned-connection': count,
    'runtime-cache': count,
    unknown: count,
  } satisfies Record<Cause, typeof count>),
});
type CurvePoint = ValueOf<typeof curvePoint>;

/** How the traffic of one run moved. Life time; `null`: not reached while it was watched. */
export const curveSchema = z.strictObject({
  points: z.array(curvePoint).max(2_000),
  /**
   * Time from the flip after which the share of requests that reach the active region directly
   * stays at least 50, 90 or 99 %.
   */
  t50LifeMs: lifeMs.nullable(),
  t90LifeMs: lifeMs.nullable(),
  t99LifeMs: lifeMs.nullable(),
  /** Share of stragglers in the newest window. */
  residualShare: z.number().min(0).max(1),
  /** The residual share was below 0.1 % for a whole window. */
  drained: z.boolean(),
});

/**
 * Largest width of a point as a share of its time: thousands of buckets become a few hundred
 * points.
 */
const widthShare = 0.02;

/**
 * Condition for "drained": less than this share, over a window of this much life time and at least
 * this many requests. With no straggler among 300 requests the share is below 1 % (95 %), so a
 * quiet service need not wait for hours.
 */
const drainedShare = 0.001;
const windowLifeMs = 60_000;
const windowRequests = 300;

interface Bucket {
  readonly atLifeMs: number;
  requests: number;
  readonly byCause: Record<Cause, number>;
}

/**
 * Returns the curve of a run from the counts of the two doors in its epoch: the old one's forwarded
 * requests and the new one's direct requests. Requests before the flip are left out.
 */
export function stragglerCurve(options: {
  /** Reports of the epoch that the run opened. */
  old: EpochReport;
  next: EpochReport;
  flippedWallMs: number;
  untilWallMs: number;
  ttlSeconds: number;
  timeScale: TimeScale;
  knowledge: ResolverKnowledge;
}): ValueOf<typeof curveSchema> {
  const points = joined(pointsOf(options));
  const t = (share: number) => settledLifeMs(points, share);
  const newest = newestWindow(points);
  const residualShare = newest.requests === 0 ? 0 : newest.stragglers / newest.requests;
  return {
    points: cumulative(points),
    t50LifeMs: t(0.5),
    t90LifeMs: t(0.9),
    t99LifeMs: t(0.99),
    residualShare,
    drained: newest.whole && residualShare < drainedShare,
  };
}

function pointsOf(options: Parameters<typeof stragglerCurve>[0]): readonly CurvePoint[] {
  const { old, next, flippedWallMs, untilWallMs, timeScale } = options;
  const bucketMs = Math.max(old.bucketMs, next.bucketMs);
  const first = Math.floor(flippedWallMs / bucketMs);
  const count = Math.max(0, Math.floor(untilWallMs / bucketMs) - first);
  const buckets = Array.from(
    { length: count },
    (_, n): Bucket => ({
      atLifeMs: Math.max(0, timeScale.life((first + n + 1) * bucketMs - flippedWallMs)),
      requests: 0,
      byCause: { 'resolver-tail': 0, 'pinned-connection': 0, 'runtime-cache': 0, unknown: 0 },
    }),
  );
  const bucketOf = (number: number, widthMs: number) =>
    buckets[Math.floor((number * widthMs) / bucketMs) - first];
  for (const [number, requests] of next.direct) {
    const bucket = bucketOf(number, next.bucketMs);
    if (bucket !== undefined) bucket.requests += requests;
  }
  const causeOf = causeReader(options.knowledge, options.ttlSeconds);
  for (const [number, network, pinned, fresh] of old.cells) {
    const bucket = bucketOf(number, old.bucketMs);
    if (bucket === undefined) continue;
    bucket.requests += pinned + fresh;
    bucket.byCause['pinned-connection'] += pinned;
    bucket.byCause[causeOf(old.networks[network] ?? 'unknown', bucket.atLifeMs)] += fresh;
  }
  return buckets.map(({ atLifeMs, requests, byCause }) => ({
    sinceFlipLifeMs: atLifeMs,
    requests,
    stragglers: Object.values(byCause).reduce((sum, n) => sum + n, 0),
    byCause,
  }));
}

/** Joins neighbouring points while they are narrow for their time. */
function joined(points: readonly CurvePoint[]): readonly CurvePoint[] {
  const out: CurvePoint[] = [];
  let sinceMs = 0;
  for (const point of points) {
    const last = out.at(-1);
    const narrow = point.sinceFlipLifeMs - sinceMs <= widthShare * point.sinceFlipLifeMs;
    if (last !== undefined && narrow) {
      out[out.length - 1] = added(last, point);
    } else {
      sinceMs = last?.sinceFlipLifeMs ?? 0;
      out.push(point);
    }
  }
  return out;
}

function cumulative(points: readonly CurvePoint[]): readonly CurvePoint[] {
  const out: CurvePoint[] = [];
  for (const point of points) {
    const before = out.at(-1);
    out.push(before === undefined ? point : added(before, point));
  }
  return out;
}

function added(a: CurvePoint, b: CurvePoint): CurvePoint {
  const byCause = { ...a.byCause };
  for (const cause of Object.keys(byCause) as Cause[]) byCause[cause] += b.byCause[cause];
  return {
    sinceFlipLifeMs: b.sinceFlipLifeMs,
    requests: a.requests + b.requests,
    stragglers: a.stragglers + b.stragglers,
    byCause,
  };
}

/**
 * Returns the time after which the share of direct requests stays at least `share`.
 *
 * It is read from the falling curve that fits the straggler shares best (least squares, weighted by
 * requests: pool adjacent violators). Otherwise a single straggler in a quiet moment would give a
 * late time: caches do not return to an old answer, so a rise is chance.
 */
export function settledLifeMs(
  points: readonly Pick<CurvePoint, 'sinceFlipLifeMs' | 'requests' | 'stragglers'>[],
  share: number,
): number | null {
  const blocks: { untilMs: number; requests: number; stragglers: number }[] = [];
  for (const { sinceFlipLifeMs: untilMs, requests, stragglers } of points) {
    if (requests === 0) continue;
    let block = { untilMs, requests, stragglers };
    for (let last = blocks.at(-1); last !== undefined; last = blocks.at(-1)) {
      if (last.stragglers * block.requests >= block.stragglers * last.requests) break;
      blocks.pop();
      block = {
        untilMs,
        requests: last.requests + block.requests,
        stragglers: last.stragglers + block.stragglers,
      };
    }
    blocks.push(block);
  }
  if (blocks.length === 0) return null;
  // 1 - 0.9 is not exactly 0.1: a share that is just reached counts as reached.
  const bound = 1 - share + 1e-9;
  const above = blocks.findLastIndex(({ requests, stragglers }) => stragglers > bound * requests);
  if (above === blocks.length - 1) return null;
  return above < 0 ? 0 : (blocks[above]?.untilMs ?? null);
}

/**
 * Returns the totals of the newest minute of life time, or of a longer period until it has enough
 * requests.
 */
function newestWindow(points: readonly CurvePoint[]) {
  const endMs = points.at(-1)?.sinceFlipLifeMs ?? 0;
  let [requests, stragglers] = [0, 0];
  for (let n = points.length - 1; n >= 0; n--) {
    const point = points[n];
    if (point === undefined) break;
    requests += point.requests;
    stragglers += point.stragglers;
    const fromMs = points[n - 1]?.sinceFlipLifeMs ?? 0;
    if (requests >= windowRequests && endMs - fromMs >= windowLifeMs) {
      return { requests, stragglers, whole: true };
    }
  }
  return { requests, stragglers, whole: false };
}
