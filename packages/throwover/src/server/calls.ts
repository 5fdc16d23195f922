import { z } from 'zod';
import { errorSchema } from '../kernel/kernel.ts';
import { evidenceCalls, recordCalls } from '../records/records.ts';
import { lagCalls } from '../replication/replication.ts';
import { storeCalls } from '../store/store.ts';
import type { ResolverReport } from '../traffic/survey/survey.ts';
import { behaviours } from '../traffic/traffic.ts';
import type { CallTable, ProcessTable } from '../wire/wire.ts';

/** Longest wait for an answer from memory, ms. */
const deadlineMs = 2_000;

const look = { method: 'GET', deadlineMs, repeat: true } as const;

const name = z.string().min(1).max(200);
const wallMs = z.number();

export const healthCalls = {
  health: {
    ...look,
    path: '/healthz',
    says: '200: the store takes writes; 503: it does not, and why',
    output: z.discriminatedUnion('status', [
      z.object({ status: z.literal('healthy') }),
      z.object({ status: z.literal('unhealthy'), error: errorSchema }),
    ]),
    roles: ['monitoring'],
  },
} as const satisfies CallTable;

export const metricsCalls = {
  metrics: {
    ...look,
    path: '/metrics',
    says: 'The metrics of every service, as Prometheus reads them',
    output: 'text',
    // A scrape of 1,000 services.
    deadlineMs: 10_000,
    maxAnswerBytes: 64 * 1024 ** 2,
    roles: ['monitoring'],
  },
} as const satisfies CallTable;

const sighting = z.object({
  nonce: z.string(),
  resolver: z.string(),
  wallMs,
  generation: z.int(),
});

const count = z.int().nonnegative();

export const canaryCalls = {
  status: {
    ...look,
    path: '/v1/canary',
    says: 'The canary zones that are served here, and their counts',
    output: z.object({
      zones: z.array(
        z.object({
          zone: z.string(),
          listen: z.string(),
          startedWallMs: wallMs,
          generation: z.int(),
          counters: z.object({
            queries: count,
            answered: count,
            truncated: count,
            refused: count,
            limited: count,
            dropped: count,
          }),
        }),
      ),
    }),
    roles: ['viewer'],
  },
  seen: {
    ...look,
    path: '/v1/canary/seen/:nonce',
    says: 'The resolver that asked for a beacon first; `null`: none did in the last ten minutes',
    params: z.object({ nonce: name }),
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

const resolver = z.object({
  resolver: z.string(),
  identity: z.string().nullable(),
  startedWallMs: wallMs,
  atWallMs: wallMs,
  finished: z.boolean(),
  findings: z.object({
    behaviour: z.enum(behaviours),
    traits: z.array(z.enum(behaviours)).readonly(),
    clampSeconds: z.number().nullable(),
    kept: z
      .array(
        z.object({
          ttlSeconds: z.number(),
          holdsMs: z.array(z.number()).readonly(),
          unended: count,
          toldSeconds: z.number().nullable(),
          keptSeconds: z.number().nullable(),
          prefetched: z.boolean(),
        }),
      )
      .readonly(),
    severalCaches: z.boolean(),
    queries: count,
    unanswered: count,
  }),
}) satisfies z.ZodType<ResolverReport>;

export const surveyCalls = {
  resolvers: {
    ...look,
    path: '/v1/survey/:service',
    says: "What the present survey of the service's resolvers has found so far",
    params: z.object({ service: name }),
    output: z.object({ resolvers: z.array(resolver).readonly() }),
    roles: ['viewer'],
  },
} as const satisfies CallTable;

/** Every call of `throwover serve`. */
export const serveTable = {
  process: { ...healthCalls, ...metricsCalls },
  store: storeCalls,
  lag: lagCalls,
  evidence: evidenceCalls,
  records: recordCalls,
  survey: surveyCalls,
  canary: canaryCalls,
} as const satisfies ProcessTable;

/** Every call of `throwover dns canary --admin`. */
export const canaryTable = { canary: canaryCalls } as const satisfies ProcessTable;
