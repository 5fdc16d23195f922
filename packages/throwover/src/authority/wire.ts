import { isPosition, type Position } from '@throwover/client';
import { z } from 'zod';
import type { ClusterMemory, ClusterReport, ClusterSight, ClusterVerdict } from './cluster.ts';
import type {
  Closed,
  DoorSeen,
  KnownEpoch,
  Promotion,
  Renunciation,
  Reopened,
} from './database-side.ts';
import type { FenceProof, OpeningProof } from './fence-proof.ts';
import type { PeerPromise, PeerWord, SyncRecord } from './guard/ports.ts';
import type { Pair } from './scope.ts';
import type { DatabaseSurvey } from './survey.ts';

/** Schemas of the messages between guards, controllers and peers, as JSON. */

const region = z.string().min(1).max(63);
const token = z.int().nonnegative();
const epoch = z.int().nonnegative();
const text = z.string().max(2_000);
const name = z.string().min(1).max(200);

export const pairSchema: z.ZodType<Pair> = z.strictObject({
  service: name,
  from: region,
  to: region,
});

/** The fields that every command carries. */
export const runCommand = {
  scope: z.strictObject({ service: name, run: name, from: region, to: region }),
  token,
};

export const positionSchema = z.custom<Position>(isPosition, 'expected a position');

export const confirmedFenceSchema = z.strictObject({
  kind: z.literal('confirmed'),
  region,
  position: positionSchema,
  token,
});

const overridden = z.strictObject({ kind: z.literal('overridden'), by: text, reason: text });

export const fenceProofSchema: z.ZodType<FenceProof> = z.discriminatedUnion('kind', [
  confirmedFenceSchema,
  z.strictObject({
    kind: z.literal('expired'),
    region,
    epoch,
    token,
    leaseMs: z.number().positive(),
    driftBound: z.number().nonnegative(),
    waitedMs: z.number().nonnegative(),
  }),
  overridden,
]);

export const openingProofSchema: z.ZodType<OpeningProof> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('renounced'), region, token }),
  z.strictObject({ kind: z.literal('never-asked'), token }),
  overridden,
]);

export const renunciationSchema: z.ZodType<Renunciation> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('renounced'), token }),
  z.strictObject({ kind: z.literal('accepted'), epoch, token }),
]);

export const promotionSchema: z.ZodType<Promotion> = z.strictObject({
  epoch,
  region,
  timeline: z.int().positive(),
  switchPosition: positionSchema,
  nextXid: z.string().regex(/^\d+$/).nullable(),
});

export const closedSchema: z.ZodType<Closed> = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('fence'),
    run: name,
    token,
    deadlineMs: z.number().positive().nullable(),
    position: positionSchema.nullable(),
  }),
  z.strictObject({ by: z.literal('start') }),
  z.strictObject({ by: z.literal('newer-epoch'), epoch, active: region }),
  z.strictObject({ by: z.literal('promotion'), token }),
]);

export const doorSeenSchema: z.ZodType<DoorSeen> = z.strictObject({
  door: z.enum(['closed', 'open', 'neither']),
  why: z.array(z.string()),
  brokenForMs: z.number().nonnegative().nullable(),
  ageMs: z.number().nonnegative(),
  restored: z.int().nonnegative(),
});

export const reopenedSchema: z.ZodType<Reopened> = z.strictObject({
  firstWallMs: z.number(),
  lastWallMs: z.number(),
  times: z.int().positive(),
});

export const knownEpochSchema: z.ZodType<KnownEpoch> = z.strictObject({
  epoch,
  active: region.nullable(),
});

export const acceptedSchema = z.strictObject({
  token,
  epoch,
  sequenceAdvance: z.int().nonnegative().nullable(),
});

export const syncRecordSchema: z.ZodType<SyncRecord> = z.strictObject({
  epoch,
  inSync: z.boolean(),
  position: positionSchema,
  wallMs: z.number(),
});

const clusterSight = {
  /** An unsigned 64-bit number. */
  identifier: z.string().regex(/^\d{1,20}$/),
  timeline: z.int().positive(),
  left: z.array(positionSchema).max(10_000).nullable(),
};
export const clusterSightSchema: z.ZodType<ClusterSight> = z.strictObject(clusterSight);

const databaseRole = z.enum(['primary', 'standby', 'stopped']);

const clusterReportSchema: z.ZodType<ClusterReport> = z.strictObject({
  role: databaseRole,
  cluster: clusterSightSchema.nullable(),
  received: positionSchema.nullable(),
  streaming: z.boolean(),
});

const agreedClusterSchema = z.strictObject({
  ...clusterSight,
  upTo: positionSchema.nullable(),
  by: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('both'), wallMs: z.number() }),
    z.strictObject({ kind: z.literal('person'), who: text, wallMs: z.number() }),
  ]),
});

export const clusterMemorySchema: z.ZodType<ClusterMemory> = z.strictObject({
  agreed: agreedClusterSchema.nullable(),
  peer: z.strictObject({ role: databaseRole, cluster: clusterSightSchema.nullable() }).nullable(),
  streamedFrom: clusterSight.identifier.nullable(),
});

/** A verdict needs only the cluster; the fields that an agreement adds are dropped. */
const seen = z.object(clusterSight);

export const clusterVerdictSchema: z.ZodType<ClusterVerdict> = z.discriminatedUnion('is', [
  z.strictObject({
    is: z.literal('same'),
    by: z.enum(['both', 'kept', 'person']),
    own: seen,
  }),
  z.strictObject({
    is: z.literal('different'),
    why: z.enum(['other-identifier', 'identifier-changed', 'history-forked', 'left-behind']),
    own: seen,
    other: seen,
  }),
  z.strictObject({
    is: z.literal('unknown'),
    why: z.enum([
      'not-readable',
      'history-not-readable',
      'never-agreed',
      'not-streaming',
      'history-unexplained',
    ]),
    own: seen.nullable(),
    other: seen.nullable(),
  }),
]);

export const peerWordSchema: z.ZodType<PeerWord> = z.strictObject({
  region,
  role: z.enum(['primary', 'standby', 'stopped', 'unreachable']),
  known: knownEpochSchema,
  accepted: acceptedSchema.nullable(),
  report: clusterReportSchema.nullable(),
});

export const peerPromiseSchema: z.ZodType<PeerPromise> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('promised') }),
  z.strictObject({ kind: z.literal('refused'), why: text, known: knownEpochSchema }),
]);

export const surveySchema: z.ZodType<DatabaseSurvey> = z.strictObject({
  region,
  writers: z.array(
    z.strictObject({
      kind: z.enum([
        'prepared-transaction',
        'subscription',
        'scheduled-job',
        'background-worker',
        'login-role',
      ]),
      name: z.string(),
      role: z.string().nullable(),
    }),
  ),
  writersInAll: z.int().nonnegative(),
  missingRoles: z.array(z.string()),
  blindTables: z.array(z.string()),
  blindTablesInAll: z.int().nonnegative(),
  doorCannot: z.array(z.string()),
  guardLacks: z.array(z.strictObject({ says: z.string(), mayStopRun: z.boolean() })),
  leaseLeavesOut: z.array(z.string()),
});
