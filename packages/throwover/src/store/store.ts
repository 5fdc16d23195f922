import type { DurationKind, ErrorJson, Evidence } from '../kernel/kernel.ts';

/**
 * Port: where epochs, run leases and journals are kept. Asynchronous, so that it can be far away.
 *
 * Every append is conditional on the run's fencing token (a controller that lost its run cannot write
 * its story on) and on the record's sequence number (so a repeated append is the same append).
 * An answer means durable: it survives a power cut.
 *
 * Errors (catalogue in store/errors.ts): `store-away` (no answer; unknown whether it happened),
 * `run-in-progress`, `run-lost` (token is not the newest), `epoch-moved`, `no-such-run`,
 * `no-such-service`, `no-such-service-region`, `run-ended`, `seq-conflict`, `record-too-large`,
 * `journal-full`, `journal-damaged`, `store-disk-full`, `store-stopped`, `halted` (beginRun),
 * `lease-too-long`, `writer-restored`, `no-such-loss`, `ledger-full`. Which calls may be repeated when
 * no answer came stands in wire.ts.
 *
 * Siblings: rules.ts (runs, journals), epochs.ts, writer.ts and ledger.ts are pure: what each call may
 * do. leases.ts is what a store process holds in memory alone. shapes.ts and wire.ts: the port as JSON.
 */
export interface Store {
  /** Registers a service with its first epoch; the same call again changes nothing. The active region is the store's from then on. */
  registerService(input: {
    name: string;
    regions: readonly string[];
    active: string;
    /**
     * Newest epoch and highest token that guards have seen: a store that was lost or restored goes on
     * above them. Not while a run is open: one of a restored store tells a story that went on elsewhere.
     */
    atLeast?: { readonly epoch: number; readonly token: number };
  }): Promise<ServiceState>;
  service(name: string): Promise<ServiceState>;
  /** Begins a run; refused with `run-in-progress` while another of the service has not ended, and with `halted`. */
  beginRun(input: BeginRun): Promise<RunLease>;
  /** Takes a run whose lease has ended, or, with `force`, one whose owner is known to be gone. The token grows. */
  takeRun(input: {
    runId: string;
    owner: string;
    leaseMs: number;
    force: boolean;
  }): Promise<RunLease>;
  /** `halted`: the kill switch was thrown, and by whom; the run stops at its next safe point. */
  renewRun(input: {
    runId: string;
    token: number;
    leaseMs: number;
  }): Promise<{ readonly halted: Halt | null }>;
  /** One record or a few, in their order: all of them are durable, or none is there. */
  append(input: { runId: string; token: number; records: readonly JournalRecord[] }): Promise<void>;
  /** Opens `epoch` with `active`, if the service's epoch is `epoch - 1`; the same call again by the same run changes nothing. */
  openEpoch(input: {
    service: string;
    runId: string;
    token: number;
    epoch: number;
    active: string;
  }): Promise<ServiceState>;
  /**
   * Somebody promoted `active` by hand: its guard says so. The epoch is raised when `epoch` is above the
   * store's; else nothing changes. A run that is open goes on to find that its epoch has moved.
   */
  adoptEpoch(input: { service: string; epoch: number; active: string }): Promise<ServiceState>;
  /**
   * Strict mode: `region` may write for `leaseMs`, counted from now on the store's monotonic clock.
   * Refused (an answer, not an error) when another region is active, the epoch is not the newest, or
   * grants were stopped. The holder counts from before it sent the request.
   */
  renewWriter(input: {
    service: string;
    region: string;
    epoch: number;
    leaseMs: number;
  }): Promise<WriterRenewal>;
  /**
   * Stops grants to the active region for this epoch (durable, by the run's token), and tells how long
   * until no lease can be in force: 0 is the proof. After a restart the store counts a whole
   * `maxWriterLeaseMs` x (1 + drift bound) from its start. The same call again asks again.
   * `epoch-moved` when the run's epoch is not the newest, `writer-restored` after `restoreWriter`.
   */
  expireWriter(input: { service: string; runId: string; token: number }): Promise<WriterExpiry>;
  /**
   * Takes `expireWriter` back: grants go on. For good: this token cannot expire the writer again, so a
   * request that was on its way meanwhile changes nothing. The caller has made certain before that no
   * promotion can use the proof any more (an opening proof).
   */
  restoreWriter(input: { service: string; runId: string; token: number }): Promise<void>;
  /**
   * Synchronous mode: whether commits wait for the standby, as the active region's guard says. Refused
   * with `epoch-moved` for another epoch or region. What is kept is never better than what was told
   * (`laterSync`): "in sync" counts only from a position beyond the one at which it was lost.
   */
  recordSync(input: { service: string; region: string } & SyncState): Promise<void>;
  /** The kill switch, for every service of this store. `null` takes it back. */
  setHalt(halt: Halt | null): Promise<void>;
  halt(): Promise<Halt | null>;
  /** Adds entries to the ledger of lost writes, unresolved; an entry whose id is there already stays as it is. In chunks: `lossChunks`. */
  addLosses(input: {
    service: string;
    runId: string;
    token: number;
    losses: readonly Loss[];
  }): Promise<void>;
  /** In commit order, those that follow `after` (an id). Fewer than `limit` when they are large: only an empty answer is the end. */
  losses(input: {
    service: string;
    runId?: string;
    after?: string;
    limit: number;
  }): Promise<readonly Loss[]>;
  lossCount(input: { service: string; runId?: string }): Promise<LossCount>;
  /** A person says what became of it; the last word counts. */
  resolveLoss(input: { service: string; id: string; by: string; note: string }): Promise<void>;
  run(runId: string): Promise<RunState>;
  /** Newest first. */
  runs(filter: { service?: string; limit: number }): Promise<readonly RunSummary[]>;
}

export interface ServiceState {
  readonly name: string;
  readonly regions: readonly string[];
  readonly epoch: number;
  readonly active: string;
  /** The run that has not ended, if any. */
  readonly openRun: string | null;
  /** How the newest epoch was opened: by which kind of run; `adopted` by hand; `registered` the first one. */
  readonly openedBy: string;
  /** Synchronous mode: what the active region's guard said last; `null`: nothing in this epoch. */
  readonly sync: SyncState | null;
}

export interface SyncState {
  readonly epoch: number;
  readonly inSync: boolean;
  readonly position: string;
  readonly wallMs: number;
}

/** The kill switch. */
export interface Halt {
  readonly by: string;
  readonly reason: string;
  readonly wallMs: number;
}

export type WriterRenewal =
  | { readonly kind: 'granted' }
  | {
      readonly kind: 'refused';
      readonly why: 'not-active' | 'epoch-moved' | 'stopped';
      readonly epoch: number;
      readonly active: string;
    };

export interface WriterExpiry {
  readonly expiresInMs: number;
  readonly region: string;
  readonly epoch: number;
  /** Longest lease that may have been granted, ms. */
  readonly leaseMs: number;
  readonly driftBound: number;
  /** Since the last grant, or since the store's start: the one whose lease ends last, ms. At least leaseMs x (1 + driftBound) when nothing can be in force. */
  readonly waitedMs: number;
}

/**
 * One row that the old side had committed beyond the promotion point, and the new side does not have.
 * `before` and `after` are column values as text; `null` when the log does not hold them.
 */
export interface Loss {
  /** `<timeline>/<commit position>#<number in the transaction>`: sorts in commit order. */
  readonly id: string;
  readonly runId: string;
  readonly transaction: string;
  readonly commitPosition: string;
  readonly commitWallMs: number | null;
  readonly table: string;
  readonly operation: 'insert' | 'update' | 'delete' | 'truncate' | 'message';
  readonly key: Readonly<Record<string, string | null>> | null;
  readonly before: Readonly<Record<string, string | null>> | null;
  readonly after: Readonly<Record<string, string | null>> | null;
  /** Whether the application was told that it had been committed, as far as known. */
  readonly acknowledged: 'yes' | 'no' | 'unknown';
  readonly resolution: {
    readonly by: string;
    readonly note: string;
    readonly wallMs: number;
  } | null;
}

export interface LossCount {
  readonly total: number;
  readonly unresolved: number;
}

export interface BeginRun {
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  /** Epoch that the plan was made for; refused with `epoch-moved` when it is no longer current. */
  readonly epoch: number;
  readonly planDigest: string;
  readonly plan: unknown;
  readonly owner: string;
  readonly leaseMs: number;
}

export interface RunLease {
  readonly runId: string;
  readonly token: number;
  readonly leaseMs: number;
}

export type RunStatus = 'running' | 'succeeded' | 'undone' | 'failed';

/** `kind` and `planDigest` are those of the plan in force: the first, or the last `replanned`. */
export interface RunSummary {
  readonly runId: string;
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
  readonly planDigest: string;
  readonly owner: string;
  readonly token: number;
  readonly status: RunStatus;
  readonly startedWallMs: number;
  readonly endedWallMs: number | null;
}

export interface RunState extends RunSummary {
  readonly plan: unknown;
  readonly records: readonly JournalRecord[];
}

/** One line of a run's journal. `seq` starts at 1 and has no gaps. A9: what it does not say is observed again. */
export type JournalRecord = {
  readonly seq: number;
  readonly wallMs: number;
  readonly token: number;
} & JournalEvent;

export type JournalEvent =
  | {
      readonly type: 'mandate';
      readonly by: string;
      readonly digest: string;
      readonly overrides: readonly string[];
      /** A second person, where the policy asks for one. */
      readonly second?: string;
    }
  /** `claimed`: where its token is known from now on, and what did not answer. */
  | { readonly type: 'taken-over'; readonly by: string; readonly claimed?: Evidence }
  /** Asked for by a person: undo, when that can still be done. */
  | { readonly type: 'abort-requested'; readonly by: string; readonly reason: string }
  /** From here on the run is another kind: its plan, approved by `by`. */
  | {
      readonly type: 'replanned';
      readonly kind: string;
      readonly by: string;
      readonly digest: string;
      readonly plan: unknown;
      readonly overrides: readonly string[];
      readonly second?: string;
    }
  | { readonly type: 'intent'; readonly step: string; readonly observed: Evidence }
  | {
      readonly type: 'outcome';
      readonly step: string;
      readonly result: 'acted' | 'already-done';
      readonly evidence: Evidence;
      readonly durationMs: number;
      readonly kind: DurationKind;
    }
  | {
      readonly type: 'step-failed';
      readonly step: string;
      readonly error: ErrorJson;
      readonly durationMs: number;
      /** The step of no return did certainly not happen and cannot any more: the run goes back. */
      readonly turnedBack?: true;
    }
  | { readonly type: 'undo-intent'; readonly step: string }
  | {
      readonly type: 'undo-outcome';
      readonly step: string;
      readonly result: 'undone' | 'not-needed';
      readonly note: string;
    }
  | {
      readonly type: 'ended';
      readonly status: Exclude<RunStatus, 'running'>;
      readonly reason: string;
    };
