import type { DurationKind, ErrorJson, Evidence, ThrowoverError } from '../kernel/kernel.ts';

/**
 * Port: the store of epochs, run leases and journals. Asynchronous, because it can be far away.
 *
 * Every append is conditional on the run's fencing token (a controller that lost its run cannot
 * write on) and on the record's sequence number (so a repeated append is the same append). An
 * answer means durable: it survives a power cut.
 *
 * Errors (catalogue in store/errors.ts): `store-away` (no answer: it is unknown whether the call
 * took effect), `run-in-progress`, `run-lost` (token is not the newest), `epoch-moved`,
 * `no-such-run`, `no-such-service`, `no-such-service-region`, `run-ended`, `seq-conflict`,
 * `record-too-large`, `journal-full`, `journal-damaged`, `store-disk-full`, `store-stopped`,
 * `halted` (beginRun), `lease-too-long`, `writer-restored`, `no-such-loss`, `ledger-full`. wire.ts
 * says which calls may be repeated after a missing answer.
 */
export interface Store {
  /**
   * Registers a service with its first epoch; the same call again changes nothing. From then on the
   * store decides which region is active.
   */
  registerService(input: {
    name: string;
    regions: readonly string[];
    active: string;
    /**
     * Newest epoch and highest token that guards have seen: a store that was lost or restored
     * continues above them. Not allowed while a run is open, because the open run of a restored
     * store may have continued elsewhere.
     */
    atLeast?: { readonly epoch: number; readonly token: number };
  }): Promise<ServiceState>;
  service(name: string): Promise<ServiceState>;
  /**
   * Begins a run. Errors: `run-in-progress` while another run of the service has not ended, and
   * `halted`.
   */
  beginRun(input: BeginRun): Promise<RunLease>;
  /** Takes a run whose lease has ended, or, with `force`, one whose owner is known to be gone. The token grows. */
  takeRun(input: {
    runId: string;
    owner: string;
    leaseMs: number;
    force: boolean;
  }): Promise<RunLease>;
  /**
   * `halted`: the kill switch was set, with the person who set it; the run stops at its next safe
   * point.
   */
  renewRun(input: {
    runId: string;
    token: number;
    leaseMs: number;
  }): Promise<{ readonly halted: Halt | null }>;
  /** Appends one record or a few, in order: all of them are durable, or none is there. */
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
   * Records that somebody promoted `active` by hand, as its guard reports. Raises the epoch if
   * `epoch` is above the store's; otherwise changes nothing. A run that is open then finds that its
   * epoch has moved.
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
   * Stops grants to the active region for this epoch (durable, by the run's token), and returns the
   * time until no lease can be in force: 0 is the proof. After a restart the store counts a whole
   * `maxWriterLeaseMs` x (1 + drift bound) from its start. Call it again to ask again. Errors:
   * `epoch-moved` when the run's epoch is not the newest, `writer-restored` after `restoreWriter`.
   */
  expireWriter(input: { service: string; runId: string; token: number }): Promise<WriterExpiry>;
  /**
   * Takes `expireWriter` back: grants are allowed again. This is permanent: this token cannot
   * expire the writer again, so a request that was still on its way changes nothing. Before the
   * call, the caller has made certain that no promotion can use the proof any more (an opening
   * proof).
   */
  restoreWriter(input: { service: string; runId: string; token: number }): Promise<void>;
  /**
   * Synchronous mode: records whether commits wait for the standby, as the active region's guard
   * reports. Error `epoch-moved` for another epoch or region. The stored state is never better than
   * the reports (`laterSync`): "in sync" counts only from a position beyond the one at which it was
   * lost.
   */
  recordSync(input: { service: string; region: string } & SyncState): Promise<void>;
  /** The kill switch, for every service of this store. `null` takes it back. */
  setHalt(halt: Halt | null): Promise<void>;
  halt(): Promise<Halt | null>;
  /**
   * Adds entries to the ledger of lost writes, unresolved; an entry whose id already exists stays
   * as it is. Send chunks of `lossChunks`.
   */
  addLosses(input: {
    service: string;
    runId: string;
    token: number;
    losses: readonly Loss[];
  }): Promise<void>;
  /**
   * Returns the entries after `after` (an id), in commit order. There may be fewer than `limit` if
   * they are large: only an empty answer is the end.
   */
  losses(input: {
    service: string;
    runId?: string;
    after?: string;
    limit: number;
  }): Promise<readonly Loss[]>;
  lossCount(input: { service: string; runId?: string }): Promise<LossCount>;
  /** Records how a person resolved a lost write; a later call replaces an earlier one. */
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
  /**
   * How the newest epoch was opened: the kind of the run; `adopted` if by hand; `registered` for
   * the first one.
   */
  readonly openedBy: string;
  /** Synchronous mode: the last report of the active region's guard; `null`: none in this epoch. */
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
  /**
   * Time since the last grant, or since the store's start, whichever lease ends last, ms. At least
   * leaseMs x (1 + driftBound) when no lease can be in force.
   */
  readonly waitedMs: number;
}

/**
 * One row that the old side had committed beyond the promotion point, and the new side does not
 * have. `before` and `after` are column values as text; `null` when the log does not contain them.
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
  /** Whether the application was told that the transaction was committed, as far as known. */
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
  /**
   * Epoch that the plan was made for; the call is refused with `epoch-moved` when it is no longer
   * current.
   */
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

/**
 * One record of a run's journal. `seq` starts at 1 and has no gaps. A9: what it does not say is
 * observed again.
 */
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
      /** A second approver, if the policy requires one. */
      readonly second?: string;
    }
  /** `claimed`: the places that know its token from now on, and those that did not answer. */
  | { readonly type: 'taken-over'; readonly by: string; readonly claimed?: Evidence }
  /** A person asked to undo the run, if that is still possible. */
  | {
      readonly type: 'abort-requested';
      readonly by: string;
      readonly reason: string;
      /** Steps that may stay as they are when their undo fails. */
      readonly leave?: readonly string[];
    }
  /** From here on the run is of another kind, with its plan, approved by `by`. */
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
      /**
       * The step of no return certainly did not happen and cannot happen any more: the run goes
       * back.
       */
      readonly turnedBack?: true;
    }
  | { readonly type: 'undo-intent'; readonly step: string }
  | {
      readonly type: 'undo-outcome';
      readonly step: string;
      /** left: its undo failed, and the person who aborted the run accepted that it stays as it is. */
      readonly result: 'undone' | 'not-needed' | 'left';
      readonly note: string;
    }
  | {
      readonly type: 'ended';
      readonly status: Exclude<RunStatus, 'running'>;
      readonly reason: string;
    };

/** A store that a process holds in a directory of its own. */
export interface EmbeddedStore extends Store {
  /** The failure because of which nothing is written any more, or `null`. */
  readonly failure: ThrowoverError | null;
  /** Frees the directory; every acknowledged call is already on disk. */
  close(): void;
}
