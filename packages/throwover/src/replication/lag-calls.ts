import { z } from 'zod';
import { positionSchema } from '../authority/authority.ts';
import type { CallTable } from '../wire/wire.ts';
import type { Sighting } from './exposure.ts';
import type { LagReport } from './lag-history.ts';

const name = z.string().min(1).max(200);

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

const sightings: z.ZodType<readonly Sighting[]> = z.array(
  z.object({ position: positionSchema, wallMs: z.number(), by: z.string() }),
);

/** Longest wait, ms: a plan and a check wait for the answer. */
const deadlineMs = 2_000;

/** What `throwover serve` has sampled of a service's databases. */
export const lagCalls = {
  reports: {
    method: 'GET',
    path: '/v1/lag/:service',
    says: 'The replication lag of thirty days, by direction',
    params: z.object({ service: name }),
    output: reports,
    deadlineMs,
    repeat: true,
    roles: ['controller', 'viewer'],
  },
  sightings: {
    method: 'GET',
    path: '/v1/lag/:service/sightings/:region',
    says: "The newest known positions of a region's primary, newest first",
    params: z.object({ service: name, region: name }),
    output: sightings,
    deadlineMs,
    repeat: true,
    roles: ['controller', 'viewer'],
  },
} as const satisfies CallTable;
