import type { Quantiles } from '../../kernel/kernel.ts';
import type { StepRecord } from '../../records/records.ts';

/**
 * The records of a run, by the parts that saw it: one JSON object per line, in wall milliseconds
 * (with fractions) of one clock. docs/measurement.md defines every figure that is made of them.
 */

/** One request of one client, as the client saw it. */
export interface RequestRecord {
  readonly type: 'request';
  readonly client: string;
  readonly kind: 'write' | 'read' | 'list';
  /** Idempotency key of the order that was written or read; `null` for a list. */
  readonly key: string | null;
  readonly sentMs: number;
  readonly endMs: number;
  /** HTTP status, 0 when there was no answer. */
  readonly status: number;
  /** Code of the connection error, or of the error in the answer; `null` when there is none. */
  readonly error: string | null;
  /** Region that answered (header), or null. */
  readonly region: string | null;
  /** Region whose address the client had connected to. */
  readonly entry: string | null;
  /** Whether the door of `entry` forwarded it to `region`. */
  readonly forwarded: boolean;
  /** Sent on a connection that was already open. */
  readonly reused: boolean;
  /** Behaviour of the client's resolver: honest, clamped, long-hold, ... */
  readonly resolver: string;
  /** Whether the client's runtime took the address from its own cache; absent when it has none. */
  readonly cached?: boolean;
  /**
   * Whether the answer was as expected. A write: 2xx. A read of the client's own acknowledged
   * write: found.
   */
  readonly ok: boolean;
  /** A read that missed the client's own acknowledged write. */
  readonly stale: boolean;
}

/** One event of the webhook sender, in its final state. */
export interface WebhookRecord {
  readonly type: 'webhook';
  readonly id: string;
  readonly createdMs: number;
  readonly attempts: readonly { readonly atMs: number; readonly status: number }[];
  /** delivered: a 2xx was received. gave-up: the sender will not try again. */
  readonly state: 'delivered' | 'retrying' | 'gave-up';
}

export interface LagRecord {
  readonly type: 'lag';
  readonly atMs: number;
  readonly lagMs: number | null;
  readonly lagBytes: number;
}

/** The content of the database that survives, read at the end. */
export interface Survivors {
  readonly region: string;
  readonly orderKeys: readonly string[];
  /** Ids of webhook events with an effect, and when the effect was committed. */
  readonly events: readonly { readonly id: string; readonly atMs: number }[];
}

/** All data that a measurement uses. */
export interface RunEvidence {
  readonly runId: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** 60: a minute of life time is a second here. 1 in production. */
  readonly timeScale: number;
  readonly objectives: { readonly rtoMs: number; readonly rpoMs: number };
  /** Start of the recording, wall ms; requests before the first act are the baseline. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Start of the first act, wall ms. */
  readonly firstActMs: number;
  /** The new address was served by the authoritative server, wall ms; null when it never was. */
  readonly flippedMs: number | null;
  readonly steps: readonly StepRecord[];
  readonly requests: readonly RequestRecord[];
  readonly webhooks: readonly WebhookRecord[];
  readonly lag: readonly LagRecord[];
  readonly survivors: Survivors;
}

/** The figures of a run. Milliseconds; `null` is *unknown*. Lab time unless the name says life. */
export interface Figures {
  readonly writesAcknowledged: number;
  readonly writesLost: number;
  readonly twoWritersMs: number;
  readonly staleReads: number;
  readonly reads: number;
  readonly requests: number;
  readonly requestsFailed: number;
  readonly requestsFailedAfterPromotion: number;
  readonly webhooksSent: number;
  readonly webhooksMissed: number;
  readonly webhooksLate: number;
  readonly writeGapMs: number | null;
  readonly holdoverMs: {
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
    readonly count: number;
  } | null;
  /**
   * `after`: in the first five minutes of life time from the first step that affects writer or
   * traffic.
   */
  readonly p99Ms: {
    readonly before: number | null;
    readonly after: number | null;
    readonly countBefore: number;
    readonly countAfter: number;
  };
  readonly lagMs: Quantiles | null;
  /** Life time; `null` when the condition of the objective was not reached while it was watched. */
  readonly rtoMs: number | null;
  readonly rtoLabMs: number | null;
  /** Life time. */
  readonly rpoMs: number;
  readonly objectivesMet: boolean;
  /** One row for each reason: objective, value, bound, met. */
  readonly objectives: readonly {
    readonly name: 'rto' | 'rpo';
    readonly valueMs: number | null;
    readonly boundMs: number;
    readonly met: boolean;
  }[];
}
