import { z } from 'zod';
import type { CallTable } from '../wire/wire.ts';
import {
  doorCommandSchema,
  doorStatusSchema,
  latencySchema,
  latencySpanSchema,
} from './door-wire.ts';
import { beaconsSchema, connectionsSchema, stragglersSchema } from './stragglers/wire.ts';

/**
 * Longest wait for the mode of a door, ms: it is part of the write gap, and a door answers in a
 * few.
 */
const modeDeadlineMs = 2_000;

const number = z.coerce.number().min(0).default(0);

/**
 * Longest wait for a door's counts, ms: no step waits for them. Longest answer, bytes: a door keeps
 * at most 20,000 cells and 10,000 beacons.
 */
const counts = {
  method: 'GET',
  deadlineMs: 10_000,
  maxAnswerBytes: 4 * 1024 ** 2,
  repeat: true,
  roles: ['controller', 'serve', 'viewer'],
} as const;

/** The calls of a door's admin port. */
export const doorCalls = {
  status: {
    method: 'GET',
    path: '/v1/door',
    says: 'The mode of the door, and its counts of requests',
    output: doorStatusSchema,
    deadlineMs: modeDeadlineMs,
    repeat: true,
    roles: ['controller', 'serve', 'viewer'],
  },
  set: {
    method: 'PUT',
    path: '/v1/door',
    says: 'Sets the mode; an older epoch or token is refused',
    body: doorCommandSchema,
    output: doorStatusSchema,
    deadlineMs: modeDeadlineMs,
    repeat: true,
    roles: ['controller', 'serve'],
  },
  stragglers: {
    ...counts,
    path: '/v1/door/stragglers',
    says: 'Requests that reached the wrong region, since the beginning of each epoch',
    query: z.object({ sinceEpoch: number }),
    output: stragglersSchema,
  },
  connections: {
    ...counts,
    path: '/v1/door/connections',
    says: 'Ages of the open connections, and the share of requests on old ones',
    query: z.object({ olderThanMs: number }),
    output: connectionsSchema,
  },
  beacons: {
    ...counts,
    path: '/v1/door/beacons',
    says: 'The names in the canary zone that clients brought along',
    query: z.object({ sinceWallMs: number }),
    output: beaconsSchema,
  },
  latency: {
    ...counts,
    path: '/v1/door/latency',
    says: "The latency of the region's own application; half an hour is kept",
    query: latencySpanSchema,
    output: latencySchema,
  },
} as const satisfies CallTable;
