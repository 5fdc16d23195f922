import type { Position } from '@throwover/client';
import type { Loss } from '../store/store.ts';
import type { ConfirmedFence, FenceProof, OpeningProof } from './fence-proof.ts';
import type { DatabaseSurvey } from './survey.ts';

/** What a standby's guard found when it asked the primary. */
export interface UpstreamWord {
  /** `null`: nothing is received from anywhere, so nobody was asked. */
  readonly answers: boolean | null;
  /** For people. */
  readonly said: string;
}

/**
 * Port: one region's database, as a controller asks for things to be done to it. The guard beside the
 * database answers (guard/guard.ts; over HTTP in production).
 *
 * Every command carries the run's fencing token; the guard remembers the highest that it has seen and
 * refuses a lower one (`token-too-old`). Every command is safe to repeat. Deadlines: `status` 2 s,
 * `attach` and `salvage` `attachTimeoutMs`, all others 15 s. Errors: `database-unreachable` (no answer;
 * unknown), `token-too-old`, `token-renounced` (this token was given up on for good: turn back),
 * `promise-stands` (wait), `database-refused` (it answered no, and why).
 */
export interface DatabaseSide {
  readonly region: string;
  status(): Promise<DatabaseStatus>;
  /** What a fence would not stop. Deadline 15 s. Left out: a database where nothing writes but what it closes out. */
  survey?(): Promise<DatabaseSurvey>;
  /**
   * Whether the primary that a standby receives from answers it now, asked over a new connection. Deadline
   * 2 s. Left out: a receiver that says `streaming` is believed.
   */
  upstream?(): Promise<UpstreamWord>;
  /**
   * Some of what this primary has committed beyond a position, oldest first: what a failover would lose, for
   * whoever reads its plan. Read from the slot of the ledger; consumes nothing. Deadline 2 s. Left out: a
   * database that keeps no such slot.
   */
  unsent?(command: { beyond: Position; limit: number }): Promise<Unsent>;
  /** Raises the highest token seen, and changes nothing else: first thing of a takeover and an abort. */
  admit(token: number): Promise<void>;
  /** Writes a checkpoint, so that a later restart is short. */
  checkpoint(token: number): Promise<void>;
  /** Reads the tables that the application uses into the cache (pg_prewarm, or plain reads). */
  prewarm(token: number): Promise<{ readonly bytes: number; readonly by: string }>;
  /**
   * Closes the door to the application's roles: gives open transactions `openTransactionsMs`, then
   * rejects new logins (pg_hba, not replicated), ends sessions until none is left, proves that a login
   * is refused, and reads the position. When `deadlineMs` have passed and the peer's guard renounces
   * the token, it opens again by itself; `null`: never by itself (a failover, a rejoin).
   */
  fence(command: {
    token: number;
    openTransactionsMs: number;
    deadlineMs: number | null;
  }): Promise<ConfirmedFence>;
  unfence(command: { token: number; proof: OpeningProof }): Promise<void>;
  /** Refuses promotion and fences with this token, and lower ones, for good; or says that it has accepted one. */
  renounce(token: number): Promise<Renunciation>;
  /**
   * Strict mode, of the side that is to be promoted: no new promise is given to the other guard, and nothing
   * is written down for it that would let commits go ahead of this standby, until one lease after the
   * promises that stand have ended. `leftMs`: until then; 0: they have. Left out: it gives no promises.
   */
  endPromises?(token: number): Promise<{ readonly leftMs: number }>;
  /**
   * Makes a standby the primary and records (epoch, timeline, switch position, next transaction id) in
   * `throwover.promotions`, in that database. With a confirmed proof it refuses while it has not
   * received everything up to `proof.position`. `lossy`: writes may be missing, so it stays closed to
   * the application until every sequence was advanced by `lossy.sequenceAdvance`.
   */
  promote(command: {
    token: number;
    epoch: number;
    proof: FenceProof;
    lossy: { readonly sequenceAdvance: number } | null;
  }): Promise<Promotion>;
  /** Stops a primary at once, without a shutdown checkpoint (so its log ends where it is); a standby goes on. */
  stop(token: number): Promise<void>;
  /**
   * What this side committed beyond the switch position and the new side does not have, read while it is
   * closed and a read-only standby of nobody. `from` and `limit` page; the answer is the same when asked
   * again. Attaching throws that history away, so it comes first.
   */
  salvage(command: {
    token: number;
    epoch: number;
    runId: string;
    switchPosition: Position;
    from: number;
    limit: number;
  }): Promise<SalvagePage>;
  /** Makes a fenced or stopped old primary a standby of `upstream`, the cheapest way that is right. */
  attach(command: {
    token: number;
    epoch: number;
    upstream: string;
    promotion: Promotion;
  }): Promise<Attachment>;
}

export type Unsent =
  | {
      readonly state: 'read';
      /** At most `limit` of them. */
      readonly rows: readonly UnsentRow[];
      /** How many there are, of those that were looked at. */
      readonly count: number;
      /** Not all of it was looked at: there are `count` or more. */
      readonly more: boolean;
    }
  | { readonly state: 'unavailable'; readonly why: string };

/** A change of one row, without its contents: a plan is shown to more people than the table is. */
export type UnsentRow = Pick<Loss, 'table' | 'operation' | 'key' | 'commitWallMs'>;

export type SalvagePage =
  | {
      readonly state: 'complete';
      readonly losses: readonly Loss[];
      /** In all pages. */
      readonly total: number;
      /** Tables whose log does not say which row was changed or deleted. */
      readonly blind: readonly string[];
    }
  /** Never or not any more: it cannot be told what was lost. */
  | { readonly state: 'unavailable'; readonly why: string };

export type Renunciation =
  | { readonly kind: 'renounced'; readonly token: number }
  | { readonly kind: 'accepted'; readonly epoch: number; readonly token: number };

export interface Promotion {
  readonly epoch: number;
  readonly region: string;
  readonly timeline: number;
  /** Where the new timeline left the old one. */
  readonly switchPosition: Position;
  /** Next transaction id at the promotion, decimal: one at or above it cannot have come over. `null`: not known; then nobody is told that a write was lost. */
  readonly nextXid: string | null;
}

export interface Attachment {
  /** as-is: its log ended at or before the switch position. */
  readonly way: 'already' | 'as-is' | 'rewind' | 'copy';
  readonly bytesCopied: number;
}

/** Why a database is closed to the application. */
export type Closed =
  /** A run's fence. `deadlineMs`: how long until it may open by itself; `null` never. `position`: `null` until proved. */
  | {
      readonly by: 'fence';
      readonly token: number;
      readonly deadlineMs: number | null;
      readonly position: Position | null;
    }
  /** It was started, and nobody has said yet that it is the active one. */
  | { readonly by: 'start' }
  /** Another region is active in this newer epoch. */
  | { readonly by: 'newer-epoch'; readonly epoch: number; readonly active: string }
  /** A lossy promotion goes on. */
  | { readonly by: 'promotion'; readonly token: number };

/** The newest epoch that somebody knows of. `active` is `null` while nobody has said. */
export interface KnownEpoch {
  readonly epoch: number;
  readonly active: string | null;
}

export interface DatabaseStatus {
  readonly region: string;
  readonly role: 'primary' | 'standby' | 'stopped';
  /** PostgreSQL's server_version, `null` when stopped. */
  readonly version: string | null;
  /** Closed to the application, and why; `null` when it is open. */
  readonly closed: Closed | null;
  /** Sessions of the application's roles. */
  readonly sessions: number;
  /** Primary: where it writes. Standby: what it has replayed. `null` when stopped. */
  readonly position: Position | null;
  /** Standby: what it has on disk. Primary: the same as `position`. */
  readonly received: Position | null;
  /** Standby: a receiver is streaming. */
  readonly streaming: boolean;
  /** Primary: how far its standby is behind, as the primary sees it; `null` when none is attached or not known. */
  readonly standby: {
    readonly lagMs: number | null;
    readonly lagBytes: number;
    readonly state: string;
  } | null;
  /** The newest promotion recorded in this database; `null` before the first. */
  readonly promotion: Promotion | null;
  /** How this side last became a standby, as its guard remembers on disk; `null` when it never did. */
  readonly attachment: Attachment | null;
  /** Highest fencing token seen by the guard. */
  readonly token: number;
  /** Promotions and fences with this token or a lower one are refused for good. */
  readonly renounced: number;
  /** A promotion that was begun with this token, for this epoch. */
  readonly accepted: { readonly token: number; readonly epoch: number } | null;
  readonly known: KnownEpoch;
  /** Strict mode: how long the database goes on taking writes without another renewal, ms; `null` when it is not strict. */
  readonly leaseLeftMs: number | null;
  /** Synchronous mode: whether every acknowledged commit is on the standby; `null` when it is asynchronous. */
  readonly inSync: boolean | null;
  /** Settings that must be alike on both sides: max_connections, wal_level, extensions, ... */
  readonly parity: Readonly<Record<string, string>>;
}
