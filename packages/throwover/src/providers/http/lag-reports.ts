import { isPosition, type Position } from '@throwover/client';
import { request } from 'undici';
import { z } from 'zod';
import type { LagReport, Sighting } from '../../replication/replication.ts';
import { storeErrors } from '../../store/store.ts';

/** Deadline of one question, ms: a plan and a check wait for the answer. */
const deadlineMs = 2_000;

const position = z.custom<Position>(isPosition, 'expected a position');
const sightings: z.ZodType<readonly Sighting[]> = z.array(
  z.object({ position, wallMs: z.number(), by: z.string() }),
);
const summary = z.object({
  count: z.number(),
  unknown: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
  worstWallMs: z.number(),
  spanMs: z.number(),
  ageMs: z.number(),
  maxBytes: z.number(),
});
const reports: z.ZodType<readonly LagReport[]> = z.array(
  z.object({
    from: z.string(),
    to: z.string(),
    lag: summary.nullable(),
    heartbeat: summary.nullable(),
  }),
);

/** The samples of `throwover serve` for one service. Errors: `store-away`. */
export interface LagReports {
  /** Returns the sightings of a region's primary, newest first. */
  sightings(region: string): Promise<readonly Sighting[]>;
  reports(): Promise<readonly LagReport[]>;
}

export function httpLagReports(options: { url: string; service: string }): LagReports {
  const { url, service } = options;
  const base = `/v1/lag/${encodeURIComponent(service)}`;
  return {
    sightings: (region) => get(url, `${base}/sightings/${encodeURIComponent(region)}`, sightings),
    reports: () => get(url, base, reports),
  };
}

async function get<T>(url: string, path: string, schema: z.ZodType<T>): Promise<T> {
  try {
    const { statusCode, body } = await request(new URL(path, url), {
      signal: AbortSignal.timeout(deadlineMs),
    });
    const answer: unknown = await body.json();
    if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
    return schema.parse(answer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw storeErrors.make('store-away', `${url}${path}: ${message}`, { url }, error);
  }
}
