import type { Position } from '@throwover/client';
import type { Loss } from '../../store/store.ts';
import type {
  Attachment,
  ClusterSight,
  DatabaseStatus,
  GuardMemory,
  KnownEpoch,
  Pair,
  PeerPromise,
  PeerWord,
  Promotion,
  Renunciation,
  SyncRecord,
} from '../messages.ts';
import type { Side, SideTurn } from './side.ts';

/**
 * Port: the database itself, as its guard handles it. Real PostgreSQL in production, a model of one
 * in the simulation. It decides nothing: the guard decides whether the application may write.
 *
 * The guard calls one method at a time, apart from `look`, `lookAtDoor`, `machineTime` and
 * `extendLease`. Every call is safe to repeat. Deadline: set by the adapter, below 15 s; longer for
 * `follow`. Errors: `database-unreachable` (no answer: it is unknown whether the call took effect),
 * `database-refused` (the database refused, with its reason).
 */
export interface GuardedDatabase {
  readonly region: string;
  /** Returns the state of the database. A stopped database is an answer, not an error. */
  look(): Promise<DatabaseLook>;
  /**
   * Returns how the server treats logins of the application, without trying one: cheap enough for
   * every round. `null`: the server does not run, or this side cannot be closed on its own.
   */
  lookAtDoor(): Promise<DoorLook | null>;
  /** Tries a login of each application role, as the application would. */
  tryDoor(): Promise<LoginsTried>;
  /**
   * Starts the database, closed to the application before it takes a first connection. Does nothing
   * if it runs.
   */
  startClosed(): Promise<void>;
  /** Stops it at once, without a shutdown checkpoint. */
  stop(): Promise<void>;
  /** Writes a checkpoint, so that a restart has little log to replay. */
  checkpoint(): Promise<void>;
  /** Reads the database's data into memory; returns how much, and by what means. */
  prewarm(): Promise<{ readonly bytes: number; readonly by: string }>;
  /**
   * Closes the database to the application and returns a position that covers everything that it
   * acknowledged, read after the last session was gone and a login was seen refused. Open
   * transactions get `openTransactionsMs`. On a standby it closes the door, reads no position and
   * returns `null`. `mend`: moves rules that the server cannot read out of its way; without it such
   * rules are an error before anything changes.
   */
  close(options: { openTransactionsMs: number; mend?: boolean }): Promise<Position | null>;
  /** Takes the close back, and resolves when a login was seen admitted. */
  open(): Promise<void>;
  /**
   * Ends recovery; resolves when the database takes writes. A primary that was promoted before
   * returns the same answer again, with `nextXid: null`, because the next id at the promotion
   * cannot be known afterwards. One statement promotes the standby only if its system identifier is
   * `identifier`; `null`: any identifier.
   */
  promote(only: { readonly identifier: string | null }): Promise<{
    readonly timeline: number;
    readonly switchPosition: Position;
    readonly nextXid: string | null;
  }>;
  /**
   * Writes the row in `throwover.promotions`; keeps a row of that epoch that already exists.
   * Notifies listeners.
   */
  recordPromotion(promotion: Promotion): Promise<void>;
  /** Advances every sequence by this amount. */
  advanceSequences(by: number): Promise<void>;
  /**
   * Returns the writes that it committed beyond the switch position. It reads them as a standby
   * that follows no primary: a running primary is taken down first, and the database is never
   * opened. The answer is the same when asked again, also after `follow`. Empty if it has received
   * the promotion of `epoch`, because then it has followed the new history. Refuses if the database
   * is no longer of cluster `identifier`; `null`: not known.
   */
  salvage(command: {
    epoch: number;
    runId: string;
    switchPosition: Position;
    identifier: string | null;
  }): Promise<Salvaged>;
  /**
   * Makes it a standby of `upstream`. Before it starts the database it calls `mayRun` with whether
   * the database would now start as a standby, so that a guard that finds it down may start it
   * again. Before it stops the database to change it, it calls `mayRun(false)`. Error
   * `unread-writes` when its log goes on past the switch position, unless that part may be
   * discarded (`discards`).
   */
  follow(command: {
    epoch: number;
    upstream: string;
    promotion: Promotion;
    discards: boolean;
    mayRun: (may: boolean) => Promise<void>;
  }): Promise<Attachment>;
  /**
   * Returns the cluster of the server that `follow` would follow, as that server reports it.
   * Changes nothing.
   */
  upstreamCluster(upstream: string): Promise<ClusterSight>;
  /** The machine's clocks, as the database can read them too. */
  machineTime(): MachineTime;
  /**
   * Strict mode: the database refuses statements once either clock is past `until`. It also refuses
   * them while the lease row is empty.
   */
  extendLease(until: MachineTime): Promise<void>;
  /** Strict mode: the database refuses statements from now on. */
  endLease(): Promise<void>;
  /**
   * Makes commits wait for the standby (true) or not (false). Resolves when this is in force for
   * every later commit. When switched on, the log moves on past its present position even if no
   * application writes, so that "in sync again" can be told from the earlier "not in sync".
   */
  setSynchronous(on: boolean): Promise<void>;
}

export type Salvaged =
  | {
      readonly state: 'complete';
      readonly losses: readonly Loss[];
      readonly blind: readonly string[];
    }
  | { readonly state: 'unavailable'; readonly why: string; readonly some?: true };

/** How the server treats logins of the application's roles. */
export interface DoorLook {
  /** Roles that our own closure does not refuse: as far as it is concerned, they get in. */
  readonly admitted: readonly string[];
  /** Roles that our own closure refuses, or will refuse after the next reload. */
  readonly refused: readonly string[];
  /** Sessions of the application's roles. */
  readonly sessions: number;
  /**
   * The reason why the server cannot read its rules and keeps the earlier ones; `null` if it can
   * read them.
   */
  readonly unreadable: string | null;
  /** Version of the rules on disk: another value when somebody has changed them. */
  readonly rules: string;
  /** Version of the rules that the server has loaded: another value when it has read them again. */
  readonly loaded: string;
}

/** unknown: a server with no free connection, for example, refuses every login. */
export type LoginsTried = 'refused' | 'admitted' | 'unknown';

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
  /** The promotions of this side and those that it received; newest first. */
  readonly promotions: readonly Promotion[];
  /**
   * It has left recovery since its server was started: the promotion is no older than that start. False where this is
   * not known.
   */
  readonly promotedSinceStart: boolean;
  /** Synchronous mode: commits wait for the standby under the present setting. */
  readonly synchronous: boolean;
  /** Read from the data directory when the server is stopped; `null` if there is none. */
  readonly cluster: ClusterSight | null;
};

/** The look at a stopped server, without its cluster. */
export const stoppedLook: Omit<DatabaseLook, 'cluster'> = {
  role: 'stopped',
  version: null,
  sessions: 0,
  position: null,
  received: null,
  streaming: false,
  standby: null,
  timeline: null,
  promotions: [],
  promotedSinceStart: false,
  synchronous: false,
  parity: {},
};

/** `current` is the memory on disk; `change` resolves when the change is on disk. */
export interface Keep {
  readonly current: GuardMemory;
  change(part: Partial<GuardMemory>): Promise<void>;
}

/**
 * Port: the guard of the other region. Each question names the pair, so that a guard of another pair
 * refuses it (`other-service`, `other-regions`, `guard-without-peer`). Deadline `timing.peerDeadlineMs`.
 * Error: `peer-away` (no answer; it may have done it).
 */
export interface Peer {
  readonly region: string;
  /** Returns its knowledge and state. `known` tells it of a newer epoch, which it learns. */
  word(input: { pair: Pair; known: KnownEpoch }): Promise<PeerWord>;
  renounce(input: { pair: Pair; run: string; token: number }): Promise<Renunciation>;
  /**
   * Promises not to let its side be promoted within `leaseMs` x (1 + drift bound), by its own
   * clock.
   */
  promise(input: { pair: Pair; epoch: number; leaseMs: number }): Promise<PeerPromise>;
  recordSync(input: { pair: Pair; record: SyncRecord }): Promise<void>;
}

/** The peer as the parts of a guard ask it; `Pairing` adds the pair. */
export interface AskedPeer {
  readonly region: string;
  word(known: KnownEpoch): Promise<PeerWord>;
  renounce(input: { run: string; token: number }): Promise<Renunciation>;
  promise(input: { epoch: number; leaseMs: number }): Promise<PeerPromise>;
  recordSync(record: SyncRecord): Promise<void>;
}

/**
 * Port: the store, as a guard asks it. Deadline `timing.witnessDeadlineMs`. Error: `store-away` (no
 * answer; it may have happened).
 */
export interface Witness {
  newestEpoch(): Promise<KnownEpoch>;
  /** Returns the id of the run that is open for this service; `null` if there is none. */
  openRun(): Promise<string | null>;
  /**
   * Grants the right to write for `leaseMs` from now on. Refuses if another region is active or
   * grants were stopped.
   */
  renewWriter(input: { region: string; epoch: number; leaseMs: number }): Promise<WriterGrant>;
  recordSync(record: SyncRecord): Promise<void>;
  /**
   * Records that somebody promoted this region by hand, so that it is now active in this epoch.
   * Does nothing if a newer epoch is known.
   */
  adoptEpoch(input: { epoch: number; active: string; timeline: number }): Promise<KnownEpoch>;
}

export type WriterGrant =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly known: KnownEpoch; readonly why: string };

/** The events that a guard reports to people. */
export type GuardEvent =
  /** The state of this side (side.ts) has changed on disk. `on`: the cause. */
  | {
      readonly type: 'side-changed';
      readonly from: Side;
      readonly on: SideTurn | undefined;
      readonly to: Side;
    }
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
  /** The guard at the peer's address works for another service or with another region. */
  | {
      readonly type: 'peer-refuses';
      readonly peer: string;
      readonly code: string;
      readonly why: string;
    }
  | {
      /**
       * The database was closed, and somebody let the application in. The guard closes it again at
       * once.
       */
      readonly type: 'reopened';
      readonly why: readonly string[];
      readonly sessions: number;
      /** Longest time for which it may have taken writes, ms; `null`: not known. */
      readonly openForAtMostMs: number | null;
    }
  | {
      readonly type: 'closed-again';
      /** Number in the last 10 minutes, this one included. */
      readonly restored: number;
    }
  /**
   * The database should be open, and our own closure refused the application. The guard has opened
   * it again.
   */
  | { readonly type: 'opened-again'; readonly why: readonly string[] }
  /**
   * Somebody lets the application in again and again, and another region is active: the guard stops
   * the database.
   */
  | { readonly type: 'stopped-old-primary'; readonly restored: number; readonly active: string }
  | { readonly type: 'opened'; readonly why: string }
  | { readonly type: 'lease-lost'; readonly why: string }
  | { readonly type: 'not-in-sync'; readonly record: SyncRecord }
  /**
   * The standby is silent, and neither store nor peer writes down that commits do not wait: they
   * wait.
   */
  | { readonly type: 'commits-wait' }
  | { readonly type: 'in-sync' }
  | { readonly type: 'cluster-accepted'; readonly identifier: string; readonly by: string };
