import { isPosition, type Position } from '@throwover/client';
import { z } from 'zod';
import type { Closed, KnownEpoch, Promotion, Renunciation } from './database-side.ts';
import type { FenceProof, OpeningProof } from './fence-proof.ts';
import type { PeerPromise, PeerWord, SyncRecord } from './guard/ports.ts';
import type { DatabaseSurvey } from './survey.ts';

/** What guards, controllers and peers say to each other, as JSON. */

const region = z.string().min(1).max(63);
const token = z.int().nonnegative();
const epoch = z.int().nonnegative();
const text = z.string().max(2_000);

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
    token,
    deadlineMs: z.number().positive().nullable(),
    position: positionSchema.nullable(),
  }),
  z.strictObject({ by: z.literal('start') }),
  z.strictObject({ by: z.literal('newer-epoch'), epoch, active: region }),
  z.strictObject({ by: z.literal('promotion'), token }),
]);

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

export const peerWordSchema: z.ZodType<PeerWord> = z.strictObject({
  region,
  role: z.enum(['primary', 'standby', 'stopped', 'unreachable']),
  known: knownEpochSchema,
  accepted: acceptedSchema.nullable(),
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
});
