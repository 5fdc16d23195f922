import { z } from 'zod';
import type { CallTable, ValueOf } from '../../wire/wire.ts';

const look = { method: 'GET', deadlineMs: 2_000, repeat: true } as const;

/** A resolver that asked for the name of a nonce. */
const sighting = z.object({
  nonce: z.string(),
  /** Its address, as this server sees it. */
  resolver: z.string(),
  wallMs: z.number(),
  generation: z.int(),
});
export type Sighting = ValueOf<typeof sighting>;

const count = z.int().nonnegative();

const counters = z.object({
  queries: count,
  answered: count,
  /** Answered, but cut to keep the answer small. */
  truncated: count,
  /** Another zone, another class, an invalid query, or an unsupported operation. */
  refused: count,
  /** Over the limit: answered with TC, or not at all. */
  limited: count,
  /** Not a query. */
  dropped: count,
});
export type Counters = z.infer<typeof counters>;

const status = z.object({
  zone: z.string(),
  /** Address and port, UDP and TCP. */
  listen: z.string(),
  startedWallMs: z.number(),
  generation: z.int(),
  counters,
});
export type CanaryStatus = ValueOf<typeof status>;

/** The calls for the canary zones that a process serves. */
export const canaryCalls = {
  status: {
    ...look,
    path: '/v1/canary',
    says: 'The canary zones that are served here, and their counts',
    output: z.object({ zones: z.array(status) }),
    roles: ['viewer'],
  },
  seen: {
    ...look,
    path: '/v1/canary/seen/:nonce',
    says: 'The resolver that asked for a beacon first; `null`: none did in the last ten minutes',
    params: z.object({ nonce: z.string().min(1).max(200) }),
    output: sighting.nullable(),
    roles: ['viewer'],
  },
  seenSince: {
    ...look,
    path: '/v1/canary/seen',
    says: 'The beacons that were asked for since then, oldest first, of the last ten minutes',
    query: z.object({ since: z.coerce.number().nonnegative().default(0) }),
    output: z.array(sighting),
    maxAnswerBytes: 16 * 1024 ** 2,
    roles: ['viewer'],
  },
} as const satisfies CallTable;
