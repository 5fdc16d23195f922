import type { Position } from '@throwover/client';
import type { Loss } from '../store/store.ts';
import type { ClusterSight, ClusterVerdict } from './cluster.ts';
import type { ConfirmedFence, FenceProof, OpeningProof } from './fence-proof.ts';
import type { RunCommand } from './scope.ts';
import type { DatabaseSurvey } from './survey.ts';

/** The answer of a standby's guard that asked the primary. */
export interface UpstreamWord {
  /** `null`: the standby receives from no primary, so the guard asked none. */
  readonly answers: boolean | null;
  /** The result of the question, as text for people. */
  readonly said: string;
}

/**
 * Port: one region's database, as a controller sees it. The guard beside the database answers
 * (guard/guard.ts; over HTTP in production).
 *
 * Every command carries its scope (service, run, both regions) and the run's fencing token. The
 * guard refuses a scope of another service or pair (`other-service`, `other-regions`,
 * `guard-without-peer`), a token lower than the highest that it has seen, and the same token from
 * another run (`token-too-old`). Every command is safe to repeat. Deadlines: `status` 2 s, `attach`
 * and `salvage` `attachTimeoutMs`, all others 15 s.
 *
 * Errors: the four above; `database-unreachable` (no answer: it is unknown whether the command took
 * effect); `database-refused` (the database refused, with its reason). Of a fence:
 * `nothing-to-fence` (it is no primary), `token-renounced` (the guard refuses this token
 * permanently: the run must turn back). Of a promotion: `token-renounced`, `promotion-refused` (it
 * is no standby, or has not received everything), `proof-not-accepted`, `promise-stands` (wait and
 * retry), `cluster-different`, `cluster-unknown`. Of `unfence`: `proof-not-accepted`,
 * `must-stay-closed`. Of `salvage` and `attach`: `is-active`, `unread-writes`, `cluster-different`.
 */
export interface DatabaseSide {
  readonly region: string;
  status(): Promise<DatabaseStatus>;
  /** Returns what a fence would not stop. Deadline 15 s. */
  survey(): Promise<DatabaseSurvey>;
  /**
   * Returns whether the primary from which a standby receives answers the standby now, over a new
   * connection. Deadline 2 s.
   */
  upstream(): Promise<UpstreamWord>;
  /**
   * Returns some of the rows that this primary has committed beyond a position, oldest first: the
   * writes that a failover would lose, to be shown with its plan. Reads the slot of the ledger and
   * consumes nothing. Deadline 2 s. A database that cannot tell, for example because it has no such
   * slot, answers `unavailable` with the reason.
   */
  unsent(command: { beyond: Position; limit: number }): Promise<Unsent>;
  /**
   * Raises the highest token seen and changes nothing else. A takeover and an abort call this
   * first.
   */
  admit(command: RunCommand): Promise<void>;
  /** Writes a checkpoint, so that a later restart is short. */
  checkpoint(command: RunCommand): Promise<void>;
  /** Reads the tables that the application uses into the cache (pg_prewarm, or plain reads). */
  prewarm(command: RunCommand): Promise<{ readonly bytes: number; readonly by: string }>;
  /**
   * Closes the door to the application's roles: gives open transactions `openTransactionsMs`, then
   * rejects new logins (pg_hba, not replicated), ends sessions until none is left, proves that a
   * login is refused, and reads the position. When `deadlineMs` have passed and the peer's guard
   * has renounced the token, the guard opens the database again by itself. `null`: it never opens
   * by itself (a failover, a rejoin).
   */
  fence(
    command: RunCommand & { openTransactionsMs: number; deadlineMs: number | null },
  ): Promise<ConfirmedFence>;
  unfence(command: RunCommand & { proof: OpeningProof }): Promise<void>;
  /**
   * Refuses promotions and fences with this token and lower ones permanently. Returns `accepted` if
   * the guard has already accepted a promotion.
   */
  renounce(command: RunCommand): Promise<Renunciation>;
  /**
   * Strict mode, on the side that will be promoted: the guard gives the other guard no new promise,
   * and writes down for it nothing that would let commits go ahead of this standby, until one lease
   * after the end of the promises given so far. `leftMs`: time until those promises end; 0: they
   * have ended, or none was given.
   */
  endPromises(command: RunCommand): Promise<{ readonly leftMs: number }>;
  /**
   * Makes a standby the primary and records (epoch, timeline, switch position, next transaction id)
   * in `throwover.promotions`, in that database. With a confirmed proof the guard refuses while the
   * standby has not received everything up to `proof.position`. `lossy`: writes may be missing, so
   * the database stays closed to the application until every sequence was advanced by
   * `lossy.sequenceAdvance`.
   *
   * The guard refuses a database of another cluster permanently with this token
   * (`cluster-different`). It also refuses a database whose cluster is not known
   * (`cluster-unknown`), unless a person accepted that by name.
   */
  promote(
    command: RunCommand & {
      epoch: number;
      proof: FenceProof;
      lossy: { readonly sequenceAdvance: number } | null;
      /** A person approved the override `cluster-identity-unknown`. Default: not approved. */
      unknownCluster?: boolean;
    },
  ): Promise<Promotion>;
  /** Stops a primary at once, without a shutdown checkpoint (so its log ends where it is); a standby goes on. */
  stop(command: RunCommand): Promise<void>;
  /**
   * Returns the writes that this side committed beyond the switch position and that the new side
   * does not have. Reads them while this side is closed, as a read-only standby that follows no
   * primary. `from` and `limit` select a page; the same page gives the same answer when asked
   * again. Call this before `attach`, which discards that history.
   */
  salvage(
    command: RunCommand & {
      epoch: number;
      switchPosition: Position;
      from: number;
      limit: number;
    },
  ): Promise<SalvagePage>;
  /**
   * Makes a fenced or stopped old primary a standby of `upstream`, in the cheapest correct way. The
   * same command again changes nothing and answers how the side was attached.
   * `discards`: the part of its log beyond the switch position has been read, or given up by name,
   * and may be discarded. Without it the error is `unread-writes` if there is such a part.
   */
  attach(
    command: RunCommand & {
      epoch: number;
      upstream: string;
      promotion: Promotion;
      discards: boolean;
    },
  ): Promise<Attachment>;
}

export type Unsent =
  | {
      readonly state: 'read';
      /** At most `limit` rows. */
      readonly rows: readonly UnsentRow[];
      /** Number of such rows among those that were read. */
      readonly count: number;
      /** Not everything was read: there are `count` rows or more. */
      readonly more: boolean;
    }
  | { readonly state: 'unavailable'; readonly why: string };

/** A change of one row, without its contents: more people may see a plan than may see the table. */
export type UnsentRow = Pick<Loss, 'table' | 'operation' | 'key' | 'commitWallMs'>;

export type SalvagePage =
  | {
      readonly state: 'complete';
      readonly losses: readonly Loss[];
      /** Number of losses in all pages. */
      readonly total: number;
      /** Tables whose log does not say which row was changed or deleted. */
      readonly blind: readonly string[];
    }
  /**
   * The writes cannot be read, or cannot be read any more: it is unknown what was lost. `some`: there were more rows
   * than can be told, so that there is something to lose.
   */
  | { readonly state: 'unavailable'; readonly why: string; readonly some?: true };

export type Renunciation =
  | { readonly kind: 'renounced'; readonly token: number }
  | { readonly kind: 'accepted'; readonly epoch: number; readonly token: number };

export interface Promotion {
  readonly epoch: number;
  readonly region: string;
  readonly timeline: number;
  /** Position at which the new timeline left the old one. */
  readonly switchPosition: Position;
  /**
   * Next transaction id at the promotion, decimal: a transaction with this id or a higher one
   * cannot have come over. `null`: not known; then no application is told that its write was lost.
   */
  readonly nextXid: string | null;
}

export interface Attachment {
  /**
   * as-is: its log ended at or before the switch position. already: it followed before its guard was
   * asked for the first time.
   */
  readonly way: 'already' | 'as-is' | 'rewind' | 'copy';
  readonly bytesCopied: number;
}

/** The reason why a database is closed to the application. */
export type Closed =
  /**
   * A run's fence. `deadlineMs`: time until the guard may open the database by itself; `null`:
   * never. `position`: `null` until the fence is proved.
   */
  | {
      readonly by: 'fence';
      readonly run: string;
      readonly token: number;
      readonly deadlineMs: number | null;
      readonly position: Position | null;
    }
  /** The database was started, and it has not been confirmed yet that it is the active one. */
  | { readonly by: 'start' }
  /** Another region is active in this newer epoch. */
  | { readonly by: 'newer-epoch'; readonly epoch: number; readonly active: string }
  /** A lossy promotion is in progress. */
  | { readonly by: 'promotion'; readonly token: number };

/**
 * How the server itself treats logins of the application, as the guard last saw it. It does not
 * tell what the guard has written down.
 */
export interface DoorSeen {
  /**
   * closed: the guard's own closure refuses every application role, and no session of one is left.
   * open: that closure refuses no role. neither: anything in between; `why` describes it.
   */
  readonly door: 'closed' | 'open' | 'neither';
  /**
   * For people: each difference from what the guard has written down, one sentence each; empty when
   * there is none.
   */
  readonly why: readonly string[];
  /** How long the difference has lasted, ms; `null` when there is none. */
  readonly brokenForMs: number | null;
  /** How long ago the guard looked, ms. */
  readonly ageMs: number;
  /** How often in the last 10 minutes the guard closed the database again, or opened it again. */
  readonly restored: number;
}

/** The times at which somebody let the application into a closed database. */
export interface Reopened {
  readonly firstWallMs: number;
  readonly lastWallMs: number;
  readonly times: number;
}

/**
 * The newest epoch that a guard or the store knows of. `active` is `null` while the active region
 * is not known.
 */
export interface KnownEpoch {
  readonly epoch: number;
  readonly active: string | null;
}

export interface DatabaseStatus {
  readonly region: string;
  /** The service that its guard works for. */
  readonly service: string;
  /**
   * The one region that its guard works with; `null`: no peer is configured, so it obeys no run.
   * `confirmed`: the guard of that region has named this guard as its peer, and has not answered
   * otherwise since.
   */
  readonly peer: { readonly region: string; readonly confirmed: boolean } | null;
  readonly role: 'primary' | 'standby' | 'stopped';
  /** PostgreSQL's server_version, `null` when stopped. */
  readonly version: string | null;
  /** Closed to the application, and why; `null` when it is open. */
  readonly closed: Closed | null;
  /**
   * How the server treats logins, independent of `closed`; `null`: not seen yet, or the server does
   * not run.
   */
  readonly observed: DoorSeen | null;
  /**
   * The database was closed and somebody let the application in: it may hold writes that no other
   * side has. `null`: this has not happened since it last followed another side.
   */
  readonly reopened: Reopened | null;
  /** Sessions of the application's roles. */
  readonly sessions: number;
  /**
   * Primary: the position that it writes at. Standby: the position that it has replayed. `null`
   * when stopped.
   */
  readonly position: Position | null;
  /** Standby: the position that it has on disk. Primary: the same as `position`. */
  readonly received: Position | null;
  /** Standby: a receiver is streaming. */
  readonly streaming: boolean;
  /**
   * Primary: how far its standby is behind, as the primary sees it; `null` when no standby is
   * attached or its lag is not known.
   */
  readonly standby: {
    readonly lagMs: number | null;
    readonly lagBytes: number;
    readonly state: string;
  } | null;
  /** The newest promotion recorded in this database; `null` before the first. */
  readonly promotion: Promotion | null;
  /**
   * How this side last became a standby, as its guard remembers on disk; `null` if it never did.
   */
  readonly attachment: Attachment | null;
  /** Highest fencing token seen by the guard. */
  readonly token: number;
  /** The guard refuses promotions and fences with this token or a lower one permanently. */
  readonly renounced: number;
  /** A promotion that was begun with this token, for this epoch. */
  readonly accepted: { readonly token: number; readonly epoch: number } | null;
  readonly known: KnownEpoch;
  /** Strict mode: how long the database goes on taking writes without another renewal, ms; `null` when it is not strict. */
  readonly leaseLeftMs: number | null;
  /** Synchronous mode: whether every acknowledged commit is on the standby; `null` when it is asynchronous. */
  readonly inSync: boolean | null;
  /** Settings that must be the same on both sides: max_connections, wal_level, extensions, ... */
  readonly parity: Readonly<Record<string, string>>;
  /** The cluster of its data directory; `null` when that cannot be read. */
  readonly cluster: ClusterSight | null;
  /** Whether this cluster is the other region's cluster too, as the guard knows it. */
  readonly clusterVerdict: ClusterVerdict;
}
