import { z } from 'zod';
import type { ValueOf } from '../../wire/wire.ts';

const count = z.int().min(0);

/**
 * The counts of one door in one epoch, while it serves or while it forwards. Buckets are numbered
 * from the beginning of the Unix epoch, so that the buckets of two doors match.
 */
const epochReport = z.object({
  epoch: count,
  role: z.enum(['serve', 'forward']),
  /** Time at which the door took this role, wall ms. */
  sinceWallMs: z.number(),
  /** Time since when it counts: later than `sinceWallMs` after a restart of the process. */
  countedFromWallMs: z.number(),
  bucketMs: z.number().positive(),
  /** `[bucket, requests]`: requests that came here directly and were served. */
  direct: z.array(z.tuple([count, count])),
  /** Client networks; `cells` refers to them by number. The last may be `other`. */
  networks: z.array(z.string().max(100)),
  /**
   * `[bucket, network, requests on connections from before, requests on newer ones]`: requests that
   * were forwarded or refused. The bucket is that of their arrival, also for those that were held
   * first: who came before the flip is not late.
   */
  cells: z.array(z.tuple([count, count, count, count])),
  /** By product token, the most frequent first. */
  agents: z.array(z.object({ agent: z.string().max(100), requests: count })),
  /** Not counted by bucket any more, because the epoch was older than the kept period. */
  late: z.object({ direct: count, stragglers: count }),
  /** Added time until the first byte, ms. */
  addedMs: z.object({ count, p50: z.number(), p99: z.number() }).nullable(),
});
export type EpochReport = ValueOf<typeof epochReport>;

/** Answer of GET /v1/door/stragglers. */
export const stragglersSchema = z.array(epochReport);

/** Answer of GET /v1/door/connections: the present state of a door's client connections. */
export const connectionsSchema = z.object({
  atWallMs: z.number(),
  open: count,
  /** Ages of open connections, ms, youngest first: all, or 200 spread evenly over them. */
  agesMs: z.array(z.number().min(0)).max(200),
  /** Requests of the last one to two minutes. */
  requests: count,
  /**
   * Share of these requests on connections older than the requested age; `null` without requests.
   */
  requestsOnOldShare: z.number().min(0).max(1).nullable(),
});
export type ConnectionsReport = ValueOf<typeof connectionsSchema>;

/** A report at `https://door/.well-known/throwover-beacon/NONCE` from a client in `network`. */
const beaconReport = z.object({
  nonce: z.string().max(63),
  network: z.string().max(100),
  wallMs: z.number(),
});
export type BeaconReport = ValueOf<typeof beaconReport>;

/** Answer of GET /v1/door/beacons. */
export const beaconsSchema = z.array(beaconReport);
