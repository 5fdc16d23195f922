import { z } from 'zod';
import type { BeaconReport } from './beacons.ts';
import type { ConnectionsReport } from './connections.ts';
import type { EpochReport } from './meter.ts';

const count = z.int().min(0);

/** Answer of GET /v1/door/stragglers. */
export const stragglersSchema: z.ZodType<readonly EpochReport[]> = z.array(
  z.object({
    epoch: count,
    role: z.enum(['serve', 'forward']),
    sinceWallMs: z.number(),
    countedFromWallMs: z.number(),
    bucketMs: z.number().positive(),
    direct: z.array(z.tuple([count, count])),
    networks: z.array(z.string().max(100)),
    cells: z.array(z.tuple([count, count, count, count])),
    agents: z.array(z.object({ agent: z.string().max(100), requests: count })),
    late: z.object({ direct: count, stragglers: count }),
    addedMs: z.object({ count, p50: z.number(), p99: z.number() }).nullable(),
  }),
);

/** Answer of GET /v1/door/connections. */
export const connectionsSchema: z.ZodType<ConnectionsReport> = z.object({
  atWallMs: z.number(),
  open: count,
  agesMs: z.array(z.number().min(0)).max(200),
  requests: count,
  requestsOnOldShare: z.number().min(0).max(1).nullable(),
});

/** Answer of GET /v1/door/beacons. */
export const beaconsSchema: z.ZodType<readonly BeaconReport[]> = z.array(
  z.object({ nonce: z.string().max(63), network: z.string().max(100), wallMs: z.number() }),
);
