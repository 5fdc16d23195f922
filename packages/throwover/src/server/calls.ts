import { z } from 'zod';
import { errorSchema } from '../kernel/kernel.ts';
import { evidenceCalls, recordCalls } from '../records/records.ts';
import { lagCalls } from '../replication/replication.ts';
import { storeCalls } from '../store/store.ts';
import { canaryCalls } from '../traffic/canary/canary.ts';
import { resolverReport } from '../traffic/survey/survey.ts';
import type { CallTable, ProcessTable } from '../wire/wire.ts';

/** Longest wait for an answer from memory, ms. */
const deadlineMs = 2_000;

const look = { method: 'GET', deadlineMs, repeat: true } as const;

const name = z.string().min(1).max(200);

export const healthCalls = {
  health: {
    ...look,
    path: '/healthz',
    says: '200: the store takes writes; 503: it does not, and why',
    output: z.discriminatedUnion('status', [
      z.object({ status: z.literal('healthy') }),
      z.object({ status: z.literal('unhealthy'), error: errorSchema }),
    ]),
    roles: ['metrics', 'viewer'],
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
    roles: ['metrics', 'viewer'],
  },
} as const satisfies CallTable;

export const surveyCalls = {
  resolvers: {
    ...look,
    path: '/v1/survey/:service',
    says: "What the present survey of the service's resolvers has found so far",
    params: z.object({ service: name }),
    output: z.object({ resolvers: z.array(resolverReport).readonly() }),
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
