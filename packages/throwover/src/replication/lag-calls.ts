import { z } from 'zod';
import { positionSchema } from '../authority/authority.ts';
import type { CallTable, ValueOf } from '../wire/wire.ts';

const name = z.string().min(1).max(200);

/** Quantiles of the samples, ms. */
const summary = z.object({
  count: z.number(),
  unknown: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
  /** Time of the worst sample. */
  worstWallMs: z.number(),
  /** Age of the oldest and of the newest sample, ms. */
  spanMs: z.number(),
  ageMs: z.number(),
  maxBytes: z.number(),
});
export type LagSummary = ValueOf<typeof summary>;

/** One direction of replication, over thirty days. */
const report = z.object({
  from: z.string(),
  to: z.string(),
  /** The lag that is shown. */
  lag: summary.nullable(),
  /** The lag from the standby's answers only: the time that a synchronous commit waits. */
  heartbeat: summary.nullable(),
});
export type LagReport = ValueOf<typeof report>;

/** At this time an observer saw this as the newest position of the old primary. */
const sighting = z.object({
  position: positionSchema,
  wallMs: z.number(),
  /** The observer: `east's guard`, `west's receiver`. */
  by: z.string(),
});
export type Sighting = ValueOf<typeof sighting>;

/** Longest wait, ms: a plan and a check wait for the answer. */
const deadlineMs = 2_000;

/** What `throwover serve` has sampled of a service's databases. */
export const lagCalls = {
  reports: {
    method: 'GET',
    path: '/v1/lag/:service',
    says: 'The replication lag of thirty days, by direction',
    params: z.object({ service: name }),
    output: z.array(report),
    deadlineMs,
    repeat: true,
    roles: ['controller', 'viewer'],
  },
  sightings: {
    method: 'GET',
    path: '/v1/lag/:service/sightings/:region',
    says: "The newest known positions of a region's primary, newest first",
    params: z.object({ service: name, region: name }),
    output: z.array(sighting),
    deadlineMs,
    repeat: true,
    roles: ['controller', 'viewer'],
  },
} as const satisfies CallTable;
