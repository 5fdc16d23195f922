import type { ThrowoverError } from '../kernel/kernel.ts';
import type {
  Ending,
  Halt,
  JournalRecord,
  Loss,
  LossCount,
  RunLease,
  RunState,
  RunSummary,
  ServiceState,
  SyncState,
  WriterExpiry,
  WriterRenewal,
} from './shapes.ts';

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
 * `halted` and `plan-wrong` (beginRun), `run-abandoned`, `run-not-damaged`, `lease-too-long`, `writer-restored`, `no-such-loss`, `ledger-full`. wire.ts
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
     * continues above them. While a run is open nothing is raised, because the open run of a
     * restored store may have continued elsewhere; the token is, if the caller names that run: it
     * has seen that no guard knows a newer promotion.
     */
    atLeast?: AtLeast;
  }): Promise<ServiceState>;
  service(name: string): Promise<ServiceState>;
  /**
   * Begins a run. Errors: `run-in-progress` while another run of the service has not ended,
   * `epoch-moved` when the epoch that the plan was made for is no longer current, `halted`, and
   * `plan-wrong` when the plan is none, or is not the one that its digest and this run name.
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
  /**
   * Ends a run whose plan or journal cannot be read, by a person: the service's next run may begin.
   * Undoes nothing and keeps the damaged rows. The token grows, so an older controller of the run
   * can do nothing more; with the new token `restoreWriter` may be called. The same call again
   * returns the first ending. Errors: `run-not-damaged`, `run-in-progress` while a controller has
   * the run, `run-ended`.
   */
  endDamaged(input: { runId: string; by: string; reason: string }): Promise<Ending>;
  /** Opens `epoch` with `active`, if the service's epoch is `epoch - 1`; the same call again by the same run changes nothing. */
  openEpoch(input: Speaker & { epoch: number; active: string }): Promise<ServiceState>;
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
  expireWriter(input: Speaker): Promise<WriterExpiry>;
  /**
   * Takes `expireWriter` back: grants are allowed again. This is permanent: this token cannot
   * expire the writer again, so a request that was still on its way changes nothing. Before the
   * call, the caller has made certain that no promotion can use the proof any more (an opening
   * proof).
   */
  restoreWriter(input: Speaker): Promise<void>;
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
   * as it is. At most `maxLossesPerCall` entries of `maxLossChunkBytes` in one call.
   */
  addLosses(input: Speaker & { losses: readonly Loss[] }): Promise<void>;
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
  /** Errors: `journal-damaged`, and `run-abandoned` when a person has ended such a run. */
  run(runId: string): Promise<RunState>;
  /** Newest first. */
  runs(filter: { service?: string; limit: number }): Promise<readonly RunSummary[]>;
}

/** Numbers above which a store continues. */
export interface AtLeast {
  readonly epoch: number;
  readonly token: number;
  readonly openRun?: string;
}

/** A run as its controller begins it. */
export type BeginRun = Omit<
  RunSummary,
  'runId' | 'token' | 'status' | 'startedWallMs' | 'endedWallMs'
> & { readonly plan: unknown; readonly leaseMs: number };

/** The run in whose name a controller calls. */
interface Speaker {
  readonly service: string;
  readonly runId: string;
  readonly token: number;
}

/** What a call of the store takes. */
export type Input<Call extends keyof Store> = Parameters<Store[Call]>[0];

/** A store that a process holds in a directory of its own. */
export interface EmbeddedStore extends Store {
  /** The failure because of which nothing is written any more, or `null`. */
  readonly failure: ThrowoverError | null;
  /** Frees the directory; every acknowledged call is already on disk. */
  close(): void;
}
