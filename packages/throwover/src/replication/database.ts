import type { Position } from '@throwover/client';
import type { FenceProof } from '../authority/fence-proof.ts';

/**
 * Port: one region's database, through the small process that stands beside it.
 *
 * Every command carries the run's fencing token; the process remembers the highest that it has seen
 * and refuses a lower one (`token-too-old`). Every command is safe to repeat. Deadlines: `status` 2 s,
 * `attach` `attachTimeoutMs`, all others 15 s. Errors: `database-unreachable` (no answer; unknown),
 * `token-too-old`, `database-refused` (it answered no, and why).
 */
export interface DatabaseSide {
  readonly region: string;
  status(): Promise<DatabaseStatus>;
  /** Writes a checkpoint, so that a later restart is short. */
  checkpoint(token: number): Promise<void>;
  /**
   * Closes the door to the application's roles: gives open transactions `openTransactionsMs`, then
   * rejects new logins (pg_hba, not replicated), ends sessions until none is left, proves that a login
   * is refused, and reads the position.
   */
  fence(command: {
    token: number;
    openTransactionsMs: number;
  }): Promise<FenceProof & { kind: 'confirmed' }>;
  unfence(token: number): Promise<void>;
  /**
   * Makes a standby the primary and records (epoch, timeline, switch position) in
   * `throwover.promotions`, in that database. With a confirmed proof it refuses while it has not
   * received everything up to `proof.position`.
   */
  promote(command: { token: number; epoch: number; proof: FenceProof }): Promise<Promotion>;
  /** Stops it at once, without a shutdown checkpoint (so its log ends where it is). */
  stop(token: number): Promise<void>;
  /** Makes a fenced or stopped old primary a standby of `upstream`, the cheapest way that is right. */
  attach(command: {
    token: number;
    epoch: number;
    upstream: string;
    promotion: Promotion;
  }): Promise<Attachment>;
}

export interface Promotion {
  readonly epoch: number;
  readonly region: string;
  readonly timeline: number;
  /** Where the new timeline left the old one. */
  readonly switchPosition: Position;
}

export interface Attachment {
  /** as-is: its log ended at or before the switch position. */
  readonly way: 'already' | 'as-is' | 'rewind' | 'copy';
  readonly bytesCopied: number;
}

export interface DatabaseStatus {
  readonly region: string;
  readonly role: 'primary' | 'standby' | 'stopped';
  /** PostgreSQL's server_version, `null` when stopped. */
  readonly version: string | null;
  /** Closed to the application's roles by a fence. */
  readonly fenced: boolean;
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
  /** How this side last became a standby, as its process remembers on disk; `null` when it never did. */
  readonly attachment: Attachment | null;
  /** Highest fencing token seen by the process beside the database. */
  readonly token: number;
  /** Settings that must be alike on both sides: max_connections, wal_level, extensions, ... */
  readonly parity: Readonly<Record<string, string>>;
}
