import { isPosition, type Position } from '@throwover/client';
import { z } from 'zod';
import type { LagReport, Sighting } from '../../replication/replication.ts';
import { callServe, type ServeAt } from './serve-call.ts';

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

export function httpLagReports(serve: ServeAt): LagReports {
  const base = `/v1/lag/${encodeURIComponent(serve.service)}`;
  return {
    sightings: (region) =>
      callServe(serve, `${base}/sightings/${encodeURIComponent(region)}`, sightings),
    reports: () => callServe(serve, base, reports),
  };
}
