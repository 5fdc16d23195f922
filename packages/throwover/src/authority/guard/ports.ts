import type { Position } from '@throwover/client';
import type { Loss } from '../../store/store.ts';
import type {
  Attachment,
  Closed,
  DatabaseStatus,
  KnownEpoch,
  Promotion,
  Renunciation,
} from '../database-side.ts';

/**
 * Port: the database itself, as its guard handles it. Real PostgreSQL in production, a model of one in
 * the simulation. Decides nothing: who may write is the guard's business.
 *
 * The guard calls one method at a time, apart from `look`, `machineTime` and `extendLease`. Every call
 * is safe to repeat. Deadline: each its adapter's own, below 15 s; `follow` longer. Errors:
 * `database-unreachable` (no answer; unknown), `database-refused` (a no, and why).
 */
export interface GuardedDatabase {
  readonly region: string;
  /** How it stands; a stopped one is an answer, not an error. */
  look(): Promise<DatabaseLook>;
  /** Starts it, already closed to the application before it takes a first connection. Nothing when it runs. */
  startClosed(): Promise<void>;
  /** Stops it at once, without a shutdown checkpoint. */
  stop(): Promise<void>;
  checkpoint(): Promise<void>;
  prewarm(): Promise<{ readonly bytes: number; readonly by: string }>;
  /**
   * Closes it to the application and resolves with a position that covers everything it acknowledged,
   * read after the last session was gone and a login was seen refused. Open transactions get
   * `openTransactionsMs`. On a standby it closes the door and reads nothing: `null`.
   */
  close(options: { openTransactionsMs: number }): Promise<Position | null>;
  /** Takes the close back, and resolves when a login is seen admitted. */
  open(): Promise<void>;
  /**
   * Out of recovery; resolves when it writes. A primary that was promoted before answers the same again,
   * with `nextXid: null`: what was next at the promotion cannot be known afterwards.
   */
  promote(): Promise<{
    readonly timeline: number;
    readonly switchPosition: Position;
    readonly nextXid: string | null;
  }>;
  /** The row in `throwover.promotions`; a row of that epoch which is there already stays. Tells listeners. */
  recordPromotion(promotion: Promotion): Promise<void>;
  /** Every sequence by this much further. */
  advanceSequences(by: number): Promise<void>;
  /**
   * What it committed beyond the switch position, read while it is a standby of nobody: taken down when it
   * runs as a primary, and never opened. The same when it is asked again, also after `follow`. Nothing
   * when it has received the promotion of `epoch`: it has followed the new history.
   */
  salvage(command: { epoch: number; runId: string; switchPosition: Position }): Promise<Salvaged>;
  /**
   * A standby of `upstream`. `mayRun` is told before it is started whether it would now start as a standby,
   * so that whoever finds it down may start it again; and not, before it is taken down to be changed.
   */
  follow(command: {
    epoch: number;
    upstream: string;
    promotion: Promotion;
    mayRun: (may: boolean) => Promise<void>;
  }): Promise<Attachment>;
  /** The machine's clocks, as the database can read them too. */
  machineTime(): MachineTime;
  /** Strict: statements are refused once either clock is past `until`. Empty row: refused. */
  extendLease(until: MachineTime): Promise<void>;
  /** Strict: refused from now on. */
  endLease(): Promise<void>;
  /**
   * Commits wait for the standby (true) or not (false). Resolves when it is in force for every later commit.
   * On: its log goes on past where it stood, also when nobody writes; that tells "in sync again" from the
   * doubt before it.
   */
  setSynchronous(on: boolean): Promise<void>;
}

export type Salvaged =
  | {
      readonly state: 'complete';
      readonly losses: readonly Loss[];
      readonly blind: readonly string[];
    }
  | { readonly state: 'unavailable'; readonly why: string };

export interface MachineTime {
  /** Milliseconds since the Unix epoch; may jump. */
  readonly wallMs: number;
  /** Milliseconds since the machine started; goes on while it sleeps. */
  readonly bootMs: number;
}

export type DatabaseLook = Pick<
  DatabaseStatus,
  'role' | 'version' | 'sessions' | 'position' | 'received' | 'streaming' | 'standby' | 'parity'
> & {
  /** Timeline that it writes or receives; `null` when stopped. */
  readonly timeline: number | null;
  /** Its own and those that it received; newest first. */
  readonly promotions: readonly Promotion[];
  /** Synchronous mode: commits wait for the standby as it is set now. */
  readonly synchronous: boolean;
};

/** What a guard must not forget. */
export interface GuardMemory {
  readonly token: number;
  readonly renounced: number;
  /** A promotion that was begun; `sequenceAdvance`: it was lossy. Cleared when this side follows another one. */
  readonly accepted: Accepted | null;
  readonly known: KnownEpoch;
  readonly closed: Closed | null;
  /** Timeline that it was last seen to follow as a standby; `null` since it is a primary. Out of recovery on a newer one without a command: promoted by hand. */
  readonly followed: number | null;
  /** A command stopped the database: the guard does not start it again by itself. */
  readonly stopped: boolean;
  readonly attachment: (Attachment & { readonly epoch: number; readonly proved: boolean }) | null;
  /** Epoch in which this guard may have promised its peer something; `null`: none. */
  readonly promised: number | null;
  /** What the peer has asked this guard to write down about commits that did not wait. */
  readonly peerSync: SyncRecord | null;
}

export interface Accepted {
  readonly token: number;
  readonly epoch: number;
  readonly sequenceAdvance: number | null;
}

/** `current` is what is on disk; `change` resolves when the change is. */
export interface Keep {
  readonly current: GuardMemory;
  change(part: Partial<GuardMemory>): Promise<void>;
}

/** Whether commits in this epoch wait for the standby; not in sync: since which position and time. */
export interface SyncRecord {
  readonly epoch: number;
  readonly inSync: boolean;
  readonly position: Position;
  readonly wallMs: number;
}

/**
 * Port: the guard of the other region. Deadline `timing.peerDeadlineMs`. Error: `peer-away` (no answer;
 * it may have done it).
 */
export interface Peer {
  readonly region: string;
  /** What it knows and is. Telling it `known` lets it learn of a newer epoch too. */
  word(known: KnownEpoch): Promise<PeerWord>;
  renounce(token: number): Promise<Renunciation>;
  /** Not to let its side be promoted within `leaseMs` x (1 + drift bound) by its clock. */
  promise(input: { epoch: number; leaseMs: number }): Promise<PeerPromise>;
  recordSync(record: SyncRecord): Promise<void>;
}

export type PeerPromise =
  | { readonly kind: 'promised' }
  | { readonly kind: 'refused'; readonly why: string; readonly known: KnownEpoch };

export interface PeerWord {
  readonly region: string;
  readonly role: DatabaseStatus['role'] | 'unreachable';
  readonly known: KnownEpoch;
  readonly accepted: GuardMemory['accepted'];
}

/**
 * Port: the store, as a guard asks it. Deadline `timing.witnessDeadlineMs`. Error: `store-away` (no
 * answer; it may have happened).
 */
export interface Witness {
  newestEpoch(): Promise<KnownEpoch>;
  /** The right to write for `leaseMs` from now on; refused when another region is active or grants were stopped. */
  renewWriter(input: { region: string; epoch: number; leaseMs: number }): Promise<WriterGrant>;
  recordSync(record: SyncRecord): Promise<void>;
  /** Somebody promoted by hand: this region is active in this epoch now. Nothing when a newer one is known. */
  adoptEpoch(input: { epoch: number; active: string; timeline: number }): Promise<KnownEpoch>;
}

export type WriterGrant =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly known: KnownEpoch; readonly why: string };

/** What a guard tells people. */
export type GuardEvent =
  | { readonly type: 'adopted'; readonly epoch: number; readonly timeline: number }
  | {
      readonly type: 'closed-by-newer-epoch';
      readonly epoch: number;
      readonly active: string;
      /** Longest time for which it may have taken writes of an older epoch, ms. */
      readonly openForAtMostMs: number | null;
    }
  | { readonly type: 'fence-deadline-passed'; readonly token: number; readonly reopened: boolean }
  | { readonly type: 'started-closed' }
  | { readonly type: 'opened'; readonly why: string }
  | { readonly type: 'lease-lost'; readonly why: string }
  | { readonly type: 'not-in-sync'; readonly record: SyncRecord }
  | { readonly type: 'in-sync' };
