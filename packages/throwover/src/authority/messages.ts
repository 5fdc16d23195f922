/**
 * The messages between guards and controllers, and the state that a guard keeps on disk. Each shape
 * is written once: a schema that reads it, and the type that comes from the schema.
 */
import { isPosition, type Position } from '@throwover/client';
import { z } from 'zod';
import { type Loss, maxCounter } from '../store/store.ts';
import type { ValueOf } from '../wire/wire.ts';

const region = z.string().min(1).max(63);
const token = z.int().nonnegative();
const epoch = z.int().nonnegative();
const text = z.string().max(2_000);
const name = z.string().min(1).max(200);

export const positionSchema = z.custom<Position>(isPosition, 'expected a position');

const pair = { service: name, from: region, to: region };

/**
 * Two regions of one service. In a run, data moves from `from` to `to`. In a question between
 * guards, `from` asks `to`.
 */
export type Pair = ValueOf<typeof pairSchema>;
export const pairSchema = z.strictObject(pair);

/**
 * The scope and token that every command carries. The guard checks them before anything else
 * (guard/pairing.ts).
 */
export type RunCommand = ValueOf<typeof runCommandSchema>;
export const runCommand = {
  /** The run that a command is sent for. */
  scope: z.strictObject({ ...pair, run: name }),
  /** The run's fencing token. */
  token: token.max(maxCounter),
};
export const runCommandSchema = z.strictObject(runCommand);

export type ConfirmedFence = ValueOf<typeof confirmedFenceSchema>;
export const confirmedFenceSchema = z.strictObject({
  kind: z.literal('confirmed'),
  region,
  position: positionSchema,
  token,
});

export type ExpiredLease = ValueOf<typeof expiredLeaseSchema>;
const expiredLeaseSchema = z.strictObject({
  kind: z.literal('expired'),
  region,
  epoch,
  token,
  /** Longest lease that may have been granted, ms. */
  leaseMs: z.number().positive(),
  /** Upper bound on how much slower the holder's clock may run: 0.01 is 1 %. */
  driftBound: z.number().nonnegative(),
  /**
   * Time from the last grant (or from the store's start, if it has restarted since) to the proof,
   * ms; at least leaseMs x (1 + driftBound).
   */
  waitedMs: z.number().nonnegative(),
});

const overridden = z.strictObject({ kind: z.literal('overridden'), by: text, reason: text });

/**
 * Evidence that the old writer cannot write. Promotion takes one as an argument (A1).
 *
 * confirmed: the old side's application logins are closed, its sessions are gone, and `position`
 * was read afterwards, so it is an upper bound of everything that side acknowledged. `token` is the
 * token of the fence: the proof is valid only for a promotion with the same token. expired: only in
 * strict mode. The store grants the old writer no more leases in this epoch, and the last lease
 * that it granted has ended by the store's own clock; the proof contains the arithmetic.
 * overridden: a person took the risk of two writers, by name.
 */
export type FenceProof = ValueOf<typeof fenceProofSchema>;
export const fenceProofSchema = z.discriminatedUnion('kind', [
  confirmedFenceSchema,
  expiredLeaseSchema,
  overridden,
]);

/**
 * Evidence that a database which was closed by a fence may be opened: the other side was not
 * promoted with the fence's token and will not be.
 *
 * renounced: the other side's guard refuses this token, and every lower one, permanently.
 * never-asked: the journal has no intent of a promotion, and only the controller with `token` may
 * write one. overridden: a person took the risk of two writers, by name.
 */
export type OpeningProof = ValueOf<typeof openingProofSchema>;
export const openingProofSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('renounced'), region, token }),
  z.strictObject({ kind: z.literal('never-asked'), token }),
  overridden,
]);

export type Renunciation = ValueOf<typeof renunciationSchema>;
export const renunciationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('renounced'), token }),
  z.strictObject({ kind: z.literal('accepted'), epoch, token }),
]);

export type Promotion = ValueOf<typeof promotionSchema>;
export const promotionSchema = z.strictObject({
  epoch,
  region,
  timeline: z.int().positive(),
  /** Position at which the new timeline left the old one. */
  switchPosition: positionSchema,
  /**
   * Next transaction id at the promotion, decimal: a transaction with this id or a higher one
   * cannot have come over. `null`: not known; then no application is told that its write was lost.
   */
  nextXid: z.string().regex(/^\d+$/).nullable(),
});

export type Attachment = ValueOf<typeof attachmentSchema>;
export const attachmentSchema = z.strictObject({
  /**
   * as-is: its log ended at or before the switch position. already: it followed before its guard was
   * asked for the first time.
   */
  way: z.enum(['already', 'as-is', 'rewind', 'copy']),
  bytesCopied: z.number().nonnegative(),
});

/** The reason why a database is closed to the application. */
export type Closed = ValueOf<typeof closedSchema>;
export const closedSchema = z.discriminatedUnion('by', [
  /**
   * A run's fence. `deadlineMs`: time until the guard may open the database by itself; `null`:
   * never. `position`: `null` until the fence is proved.
   */
  z.strictObject({
    by: z.literal('fence'),
    run: name,
    token,
    deadlineMs: z.number().positive().nullable(),
    position: positionSchema.nullable(),
  }),
  /** The database was started, and it has not been confirmed yet that it is the active one. */
  z.strictObject({ by: z.literal('start') }),
  /** Another region is active in this newer epoch. */
  z.strictObject({ by: z.literal('newer-epoch'), epoch, active: region }),
  /** A lossy promotion is in progress. */
  z.strictObject({ by: z.literal('promotion'), token }),
]);

/**
 * How the server itself treats logins of the application, as the guard last saw it. It does not
 * tell what the guard has written down.
 */
export type DoorSeen = ValueOf<typeof doorSeenSchema>;
export const doorSeenSchema = z.strictObject({
  /**
   * closed: the guard's own closure refuses every application role, and no session of one is left.
   * open: that closure refuses no role. neither: anything in between; `why` describes it.
   */
  door: z.enum(['closed', 'open', 'neither']),
  /**
   * For people: each difference from what the guard has written down, one sentence each; empty when
   * there is none.
   */
  why: z.array(z.string()),
  /** How long the difference has lasted, ms; `null` when there is none. */
  brokenForMs: z.number().nonnegative().nullable(),
  /** How long ago the guard looked, ms. */
  ageMs: z.number().nonnegative(),
  /** How often in the last 10 minutes the guard closed the database again, or opened it again. */
  restored: z.int().nonnegative(),
});

/** The times at which somebody let the application into a closed database. */
const reopenedSchema = z.strictObject({
  firstWallMs: z.number(),
  lastWallMs: z.number(),
  times: z.int().positive(),
});

/**
 * The newest epoch that a guard or the store knows of. `active` is `null` while the active region
 * is not known.
 */
export type KnownEpoch = ValueOf<typeof knownEpochSchema>;
export const knownEpochSchema = z.strictObject({ epoch, active: region.nullable() });

/** A promotion that was begun; with `sequenceAdvance` it is lossy. */
export type Accepted = ValueOf<typeof acceptedSchema>;
export const acceptedSchema = z.strictObject({
  token,
  epoch,
  sequenceAdvance: z.int().nonnegative().nullable(),
});

/**
 * Whether commits in this epoch wait for the standby; if not in sync, the position and time since
 * when.
 */
export type SyncRecord = ValueOf<typeof syncRecordSchema>;
export const syncRecordSchema = z.strictObject({
  epoch,
  inSync: z.boolean(),
  position: positionSchema,
  wallMs: z.number(),
  /** "Not in sync": the highest position at which that was told, if not `position` itself. */
  until: positionSchema.optional(),
});

const clusterSight = {
  /** PostgreSQL's system identifier, decimal: drawn by initdb, new after pg_upgrade. Unsigned, 64 bits. */
  identifier: z.string().regex(/^\d{1,20}$/),
  /** The timeline that the database is on. */
  timeline: z.int().positive(),
  /** Where each earlier timeline ended, oldest first; `null`: the history file cannot be read. */
  left: z.array(positionSchema).max(10_000).nullable(),
};

/** The origin of a database, as its data directory records it. */
export type ClusterSight = ValueOf<typeof clusterSightSchema>;
export const clusterSightSchema = z.strictObject(clusterSight);

const databaseRole = z.enum(['primary', 'standby', 'stopped']);

/** The facts about its database that one guard reports to the other. */
export type ClusterReport = ValueOf<typeof clusterReportSchema>;
const clusterReportSchema = z.strictObject({
  role: databaseRole,
  /** `null`: there is no data directory, or it cannot be read. */
  cluster: clusterSightSchema.nullable(),
  /** The position that is on its disk; `null` when stopped. */
  received: positionSchema.nullable(),
  /** Standby: it receives. Primary: a standby in the other region receives from it. */
  streaming: z.boolean(),
});

/** The cluster that both guards agreed on last, or that a person accepted instead. */
export type AgreedCluster = ValueOf<typeof agreedClusterSchema>;
const agreedClusterSchema = z.strictObject({
  ...clusterSight,
  /** The standby had at least everything up to this position when they agreed; `null`: not known. */
  upTo: positionSchema.nullable(),
  by: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('both'), wallMs: z.number() }),
    z.strictObject({ kind: z.literal('person'), who: text, wallMs: z.number() }),
  ]),
});

/** The part of a guard's memory that is about the cluster. */
export type ClusterMemory = ValueOf<typeof clusterMemorySchema>;
export const clusterMemorySchema = z.strictObject({
  /** `null` if the two guards have never agreed. */
  agreed: agreedClusterSchema.nullable(),
  /** The last report of the other guard about its database. */
  peer: z.strictObject({ role: databaseRole, cluster: clusterSightSchema.nullable() }).nullable(),
  /**
   * Identifier of the cluster from which this side last received as a standby. A receiver and its
   * source have the same identifier.
   */
  streamedFrom: clusterSight.identifier.nullable(),
});

/** A verdict needs only the cluster; the fields that an agreement adds are dropped. */
const seen = z.object(clusterSight);

export type ClusterVerdict = ValueOf<typeof clusterVerdictSchema>;
export const clusterVerdictSchema = z.discriminatedUnion('is', [
  z.strictObject({
    is: z.literal('same'),
    /**
     * `both`: both guards see it now. `kept`: it follows from what they agreed on earlier.
     * `person`: a person accepted it.
     */
    by: z.enum(['both', 'kept', 'person']),
    own: seen,
  }),
  z.strictObject({
    is: z.literal('different'),
    why: z.enum([
      /** Two identifiers; the other side's is its present or last reported one. */
      'other-identifier',
      /** The identifier is not the one that both agreed on. */
      'identifier-changed',
      /** Same identifier, but its timelines forked at another position than the other side's. */
      'history-forked',
      /** Same cluster, but it has written past the point where the other side took over. */
      'left-behind',
    ]),
    own: seen,
    other: seen,
  }),
  z.strictObject({
    is: z.literal('unknown'),
    why: z.enum([
      /** No data directory, or it cannot be read. */
      'not-readable',
      /** The history file of its timeline cannot be read, on this side or on the other. */
      'history-not-readable',
      'never-agreed',
      /** Both have the same new identifier, and neither streams from the other yet. */
      'not-streaming',
      /** It is on a newer timeline than the agreed one, and no recorded promotion began that one. */
      'history-unexplained',
    ]),
    own: seen.nullable(),
    other: seen.nullable(),
  }),
]);

/** The knowledge and state of a guard, for the other one. */
export type PeerWord = ValueOf<typeof peerWordSchema>;
export const peerWordSchema = z.strictObject({
  region,
  role: z.enum([...databaseRole.options, 'unreachable']),
  known: knownEpochSchema,
  accepted: acceptedSchema.nullable(),
  /** `null` if its database did not answer. */
  report: clusterReportSchema.nullable(),
});

export type PeerPromise = ValueOf<typeof peerPromiseSchema>;
export const peerPromiseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('promised') }),
  z.strictObject({ kind: z.literal('refused'), why: text, known: knownEpochSchema }),
]);

export type DatabaseStatus = ValueOf<typeof statusSchema>;
export const statusSchema = z.strictObject({
  region: z.string(),
  /** The service that its guard works for. */
  service: z.string(),
  /**
   * The one region that its guard works with; `null`: no peer is configured, so it obeys no run.
   * `confirmed`: the guard of that region has named this guard as its peer, and has not answered
   * otherwise since.
   */
  peer: z.strictObject({ region: z.string(), confirmed: z.boolean() }).nullable(),
  role: databaseRole,
  /** PostgreSQL's server_version, `null` when stopped. */
  version: z.string().nullable(),
  /** Closed to the application, and why; `null` when it is open. */
  closed: closedSchema.nullable(),
  /**
   * How the server treats logins, independent of `closed`; `null`: not seen yet, or the server does
   * not run.
   */
  observed: doorSeenSchema.nullable(),
  /**
   * The database was closed and somebody let the application in: it may hold writes that no other
   * side has. `null`: this has not happened since it last followed another side.
   */
  reopened: reopenedSchema.nullable(),
  /** Sessions of the application's roles. */
  sessions: z.number(),
  /**
   * Primary: the position that it writes at. Standby: the position that it has replayed. `null`
   * when stopped.
   */
  position: positionSchema.nullable(),
  /** Standby: the position that it has on disk. Primary: the same as `position`. */
  received: positionSchema.nullable(),
  /** Standby: a receiver is streaming. */
  streaming: z.boolean(),
  /**
   * Primary: how far its standby is behind, as the primary sees it; `null` when no standby is
   * attached or its lag is not known.
   */
  standby: z
    .strictObject({ lagMs: z.number().nullable(), lagBytes: z.number(), state: z.string() })
    .nullable(),
  /** The newest promotion recorded in this database; `null` before the first. */
  promotion: promotionSchema.nullable(),
  /** How this side last became a standby, as its guard remembers on disk; `null` if it never did. */
  attachment: attachmentSchema.nullable(),
  /** Highest fencing token seen by the guard. */
  token,
  /** The guard refuses promotions and fences with this token or a lower one permanently. */
  renounced: z.number(),
  /** A promotion that was begun with this token, for this epoch. */
  accepted: acceptedSchema.omit({ sequenceAdvance: true }).nullable(),
  known: knownEpochSchema,
  /** Strict mode: how long the database goes on taking writes without another renewal, ms; `null` when it is not strict. */
  leaseLeftMs: z.number().nullable(),
  /** Synchronous mode: whether every acknowledged commit is on the standby; `null` when it is asynchronous. */
  inSync: z.boolean().nullable(),
  /** Settings that must be the same on both sides: max_connections, wal_level, extensions, ... */
  parity: z.record(z.string(), z.string()),
  /** The cluster of its data directory; `null` when that cannot be read. */
  cluster: clusterSightSchema.nullable(),
  /** Whether this cluster is the other region's cluster too, as the guard knows it. */
  clusterVerdict: clusterVerdictSchema,
});

/** The answer of a standby's guard that asked the primary. */
export type UpstreamWord = ValueOf<typeof upstreamSchema>;
export const upstreamSchema = z.strictObject({
  /** `null`: the standby receives from no primary, so the guard asked none. */
  answers: z.boolean().nullable(),
  /** The result of the question, as text for people. */
  said: z.string(),
});

const columns = z.record(z.string(), z.string().nullable());

const lossOfGuard = z.strictObject({
  id: z.string(),
  runId: z.string(),
  transaction: z.string(),
  commitPosition: z.string(),
  commitWallMs: z.number().nullable(),
  table: z.string(),
  operation: z.enum(['insert', 'update', 'delete', 'truncate', 'message']),
  key: columns.nullable(),
  before: columns.nullable(),
  after: columns.nullable(),
  acknowledged: z.enum(['yes', 'no', 'unknown']),
  resolution: z.null(),
});
/** A guard resolves nothing. */
const loss: z.ZodType<Loss> = lossOfGuard;

const unavailable = z.strictObject({ state: z.literal('unavailable'), why: z.string() });

export type Unsent = ValueOf<typeof unsentSchema>;
export const unsentSchema = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('read'),
    /**
     * At most `limit` rows, without their contents: more people may see a plan than may see the
     * table.
     */
    rows: z.array(
      lossOfGuard.pick({ table: true, operation: true, key: true, commitWallMs: true }),
    ),
    /** Number of such rows among those that were read. */
    count: z.number(),
    /** Not everything was read: there are `count` rows or more. */
    more: z.boolean(),
  }),
  unavailable,
]);

export type SalvagePage = ValueOf<typeof salvageSchema>;
export const salvageSchema = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('complete'),
    losses: z.array(loss),
    /** Number of losses in all pages. */
    total: z.number(),
    /** Tables whose log does not say which row was changed or deleted. */
    blind: z.array(z.string()),
  }),
  /**
   * The writes cannot be read, or cannot be read any more: it is unknown what was lost. `some`:
   * there were more rows than can be told, so that there is something to lose.
   */
  unavailable.extend({ some: z.literal(true).exactOptional() }),
]);

export type OtherWriter = ValueOf<typeof otherWriterSchema>;
const otherWriterSchema = z.strictObject({
  kind: z.enum([
    /** May be committed later by any session, and holds its locks until then. */
    'prepared-transaction',
    /** A logical subscription applies changes of another database. */
    'subscription',
    'scheduled-job',
    /** A process of an extension, which does not log in. */
    'background-worker',
    /** A role that may log in and write, and is not an application role in the guard's configuration. */
    'login-role',
  ]),
  name: z.string(),
  /** The role that it writes as; `null` if it does not log in with a role. */
  role: z.string().nullable(),
});

export type GuardLack = ValueOf<typeof guardLackSchema>;
const guardLackSchema = z.strictObject({
  says: z.string(),
  /** Without it a run may not reach its end. */
  mayStopRun: z.boolean(),
});

/**
 * The writers that a fence of one database would not stop, and the tables that its ledger of losses
 * would not see. Read while no run is open, for `check` and before a plan.
 */
export type DatabaseSurvey = ValueOf<typeof surveySchema>;
export const surveySchema = z.strictObject({
  region,
  /** Those who write, or may write, in spite of the fence; the first ones. */
  writers: z.array(otherWriterSchema),
  writersInAll: z.int().nonnegative(),
  /** Roles that the guard must close out and that the database does not have: a fence refuses. */
  missingRoles: z.array(z.string()),
  /** Tables whose log does not say which row was updated or deleted; the first ones. */
  blindTables: z.array(z.string()),
  blindTablesInAll: z.int().nonnegative(),
  /**
   * Limits of the way in which this database closes the application out, one sentence each; empty
   * when there are none.
   */
  doorCannot: z.array(z.string()),
  /**
   * Privileges and settings that the guard's own sessions lack in the database; empty when nothing
   * is missing.
   */
  guardLacks: z.array(guardLackSchema),
  /**
   * Strict mode: writers that the lease does not stop, and for how long, one sentence each; empty
   * when the service is not strict.
   */
  leaseLeavesOut: z.array(z.string()),
});

/** The command of a person on the database's own host. */
export type AcceptClusterCommand = ValueOf<typeof acceptClusterSchema>;
export const acceptClusterSchema = z.strictObject({
  /** Identifier of the database as the person has seen it. */
  identifier: z.string().regex(/^\d{1,20}$/, 'expected the digits of a system identifier'),
  by: z.string().trim().min(1).max(200),
});

/** The state that a guard must not forget. */
export type GuardMemory = ValueOf<typeof guardMemorySchema>;
export const guardMemorySchema = z.strictObject({
  token: z.number(),
  /** The run of that token; `null` before the first. */
  run: z.string().nullable(),
  /**
   * The peer, if its guard has confirmed this guard as its peer; `null` if it has answered
   * otherwise since.
   */
  pairedWith: z.string().nullable(),
  renounced: z.number(),
  /** A promotion that was begun. Cleared when this side follows another one. */
  accepted: acceptedSchema.nullable(),
  known: knownEpochSchema,
  closed: closedSchema.nullable(),
  /**
   * Timeline that this side was last seen to follow as a standby; `null` once it is a primary. If
   * it is out of recovery on a newer timeline without a command, somebody promoted it by hand.
   */
  followed: z.number().nullable(),
  /** A command stopped the database, so the guard does not start it again by itself. */
  stopped: z.boolean(),
  /**
   * Somebody let the application in while it was closed. Cleared when this side follows another
   * one, or is the writer again. Guards before this field did not write it.
   */
  reopened: reopenedSchema.nullable().default(null),
  attachment: attachmentSchema.extend({ epoch: z.number(), proved: z.boolean() }).nullable(),
  /** Epoch in which this guard may have promised its peer something; `null`: none. */
  promised: z.number().nullable(),
  /**
   * Token of the newest failover that has begun to judge what its promotion would lose; `null`:
   * none since this side was last promoted or attached. Until that token is renounced, this guard
   * helps the other side with nothing that would make the judgement wrong. Missing in files of the
   * version before.
   */
  judging: z.number().nullable().default(null),
  /** The record about commits that did not wait, which the peer asked this guard to write down. */
  peerSync: syncRecordSchema.nullable(),
  /**
   * The cluster of this database and of the other region's. Missing in files of the version before:
   * nothing was agreed then.
   */
  cluster: clusterMemorySchema.default({ agreed: null, peer: null, streamedFrom: null }),
});
