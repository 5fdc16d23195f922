import type { StepRecord } from '../../records/journal-steps.ts';
import type {
  LagRecord,
  RequestRecord,
  RunEvidence,
  Survivors,
  WebhookRecord,
} from './run-evidence.ts';

/** Evidence of a recording from 0 to 60 s, first act at 10 s, flip at 12 s, with nothing in it. */
export function evidenceOf(given: Partial<RunEvidence> = {}): RunEvidence {
  return {
    runId: 'run_1',
    kind: 'switchover',
    from: 'east',
    to: 'west',
    timeScale: 60,
    objectives: { rtoMs: 300_000, rpoMs: 0 },
    fromMs: 0,
    toMs: 60_000,
    firstActMs: 10_000,
    flippedMs: 12_000,
    steps: [],
    requests: [],
    webhooks: [],
    lag: [],
    survivors: survivorsOf([]),
    ...given,
  };
}

export function survivorsOf(
  orderKeys: readonly string[],
  events: Survivors['events'] = [],
): Survivors {
  return { region: 'west', orderKeys, events };
}

/** An answered read that took 10 ms, in east. */
export function requestOf(sentMs: number, given: Partial<RequestRecord> = {}): RequestRecord {
  return {
    type: 'request',
    client: 'c1',
    kind: 'read',
    key: 'seen',
    sentMs,
    endMs: sentMs + 10,
    status: 200,
    error: null,
    region: 'east',
    entry: given.region ?? 'east',
    forwarded: false,
    reused: false,
    resolver: 'honest',
    ok: true,
    stale: false,
    ...given,
  };
}

/** A write that was acknowledged after 10 ms, in east. */
export function writeOf(
  key: string,
  sentMs: number,
  given: Partial<RequestRecord> = {},
): RequestRecord {
  return requestOf(sentMs, { kind: 'write', key, status: 201, ...given });
}

/** Fields that make a request a failed one. */
export const failing = { status: 503, ok: false } as const;

export function stepOf(
  name: string,
  [startMs, endMs]: readonly [number, number],
  given: Partial<StepRecord> = {},
): StepRecord {
  return { name, title: `Do ${name}`, startMs, endMs, kind: 'machine', result: 'acted', ...given };
}

export function webhookOf(
  id: string,
  createdMs: number,
  given: Partial<WebhookRecord> = {},
): WebhookRecord {
  const attempts = [{ atMs: createdMs, status: 200 }];
  return { type: 'webhook', id, createdMs, attempts, state: 'delivered', ...given };
}

export function lagOf(atMs: number, lagMs: number | null): LagRecord {
  return { type: 'lag', atMs, lagMs, lagBytes: 100 };
}
