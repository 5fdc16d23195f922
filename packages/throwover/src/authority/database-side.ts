import type { Position } from '@throwover/client';
import type {
  Attachment,
  ConfirmedFence,
  DatabaseStatus,
  DatabaseSurvey,
  FenceProof,
  OpeningProof,
  Promotion,
  Renunciation,
  RunCommand,
  SalvagePage,
  Unsent,
  UpstreamWord,
} from './messages.ts';

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
   * On the side that will be promoted: the guard gives the other guard no new promise (strict mode),
   * and writes down for it nothing that would let commits go ahead of this standby (synchronous
   * mode). This stands until the token is renounced. A minute after the end of the promises given
   * so far, the guard renounces the token itself. `leftMs`: time until the promises end; 0: they
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
