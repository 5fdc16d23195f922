import { z } from 'zod';
import { maxCounter } from '../store/store.ts';
import { type Call, type CallTable, nothing } from '../wire/wire.ts';
import type { DatabaseSide } from './database-side.ts';
import {
  acceptClusterSchema,
  attachmentSchema,
  confirmedFenceSchema,
  fenceProofSchema,
  knownEpochSchema,
  openingProofSchema,
  pairSchema,
  peerPromiseSchema,
  peerWordSchema,
  positionSchema,
  promotionSchema,
  renunciationSchema,
  runCommand,
  runCommandSchema,
  salvageSchema,
  statusSchema,
  surveySchema,
  syncRecordSchema,
  unsentSchema,
  upstreamSchema,
} from './messages.ts';

/**
 * The calls of a guard: those of a run and of whoever looks (`DatabaseSide`), those of the other
 * region's guard, and those of a person on its host. A call of a run may always be sent again: the
 * same command has no further effect.
 */

/** Longest wait for an answer that only looks, and for any other, ms. */
const lookDeadlineMs = 2_000;
const commandDeadlineMs = 15_000;

/** Longest answer, bytes: a page of 500 lost writes with their values. */
const maxAnswerBytes = 64 * 1024 ** 2;

/**
 * Longest time that a fence may give open transactions, ms: with more, no region would take writes
 * for too long.
 */
const maxOpenTransactionsMs = 10_000;

/** Longest deadline of a fence, ms. */
const maxFenceDeadlineMs = 600_000;

/**
 * A number that is implausibly high would be remembered, and every later one refused. What a guard
 * keeps on disk has no such bound, so that it still reads what it has seen before.
 */
const token = z.int().nonnegative().max(maxCounter);
const epoch = z.int().positive().max(maxCounter);

const look = {
  method: 'GET',
  deadlineMs: lookDeadlineMs,
  repeat: true,
  roles: ['controller', 'serve', 'viewer'],
} as const;

const command = {
  method: 'POST',
  deadlineMs: commandDeadlineMs,
  maxAnswerBytes,
  repeat: true,
  roles: ['controller'],
} as const;

/** The calls of `DatabaseSide`, by the names of its methods. */
export const sideCalls = {
  status: {
    ...look,
    roles: [...look.roles, 'host'],
    path: '/v1/status',
    says: 'Role, position, closure, newest epoch: what the guard sees',
    output: statusSchema,
  },
  survey: {
    ...look,
    path: '/v1/survey',
    says: 'Writers that a fence would not stop, and rights that the guard lacks',
    deadlineMs: commandDeadlineMs,
    output: surveySchema,
  },
  upstream: {
    ...look,
    path: '/v1/upstream',
    says: 'Whether the primary from which this standby receives answers now',
    output: upstreamSchema,
  },
  unsent: {
    ...look,
    method: 'POST',
    path: '/v1/unsent',
    says: 'Some of the rows committed beyond a position, without their contents',
    body: z.strictObject({ beyond: positionSchema, limit: z.int().positive().max(100) }),
    output: unsentSchema,
  },
  admit: {
    ...command,
    path: '/v1/admit',
    says: 'Raises the highest token seen',
    body: runCommandSchema,
    output: nothing,
  },
  checkpoint: {
    ...command,
    path: '/v1/checkpoint',
    says: 'Writes a checkpoint',
    body: runCommandSchema,
    output: nothing,
  },
  prewarm: {
    ...command,
    path: '/v1/prewarm',
    says: 'Reads the tables of the application into memory',
    body: runCommandSchema,
    output: z.strictObject({ bytes: z.number(), by: z.string() }),
  },
  fence: {
    ...command,
    path: '/v1/fence',
    says: 'Closes the database to the application, and returns its last position',
    body: z.strictObject({
      ...runCommand,
      openTransactionsMs: z.number().nonnegative().max(maxOpenTransactionsMs),
      deadlineMs: z.number().positive().max(maxFenceDeadlineMs).nullable(),
    }),
    output: confirmedFenceSchema,
  },
  unfence: {
    ...command,
    path: '/v1/unfence',
    says: 'Takes a fence back, with a proof that the other side is not promoted',
    body: z.strictObject({ ...runCommand, proof: openingProofSchema }),
    output: nothing,
  },
  renounce: {
    ...command,
    path: '/v1/renounce',
    says: 'Refuses promotions and fences with this token and lower ones for good',
    body: runCommandSchema,
    output: renunciationSchema,
  },
  endPromises: {
    ...command,
    path: '/v1/endPromises',
    says: 'Helps the other guard no more, and tells when its last promise ends',
    body: runCommandSchema,
    output: z.strictObject({ leftMs: z.number().nonnegative() }),
  },
  promote: {
    ...command,
    path: '/v1/promote',
    says: 'Makes this standby the primary, with a fence proof of the other side',
    body: z.strictObject({
      ...runCommand,
      epoch,
      proof: fenceProofSchema,
      lossy: z.strictObject({ sequenceAdvance: z.int().nonnegative() }).nullable(),
      unknownCluster: z.exactOptional(z.boolean()),
    }),
    output: promotionSchema,
  },
  stop: {
    ...command,
    path: '/v1/stop',
    says: 'Stops a primary at once',
    body: runCommandSchema,
    output: nothing,
  },
  salvage: {
    ...command,
    path: '/v1/salvage',
    says: 'A page of the writes that only this side committed',
    body: z.strictObject({
      ...runCommand,
      epoch,
      switchPosition: positionSchema,
      from: z.int().nonnegative(),
      limit: z.int().positive(),
    }),
    output: salvageSchema,
  },
  attach: {
    ...command,
    path: '/v1/attach',
    says: 'Makes an old primary a standby of the new one',
    body: z.strictObject({
      ...runCommand,
      epoch,
      upstream: z.string(),
      promotion: promotionSchema,
      discards: z.boolean(),
    }),
    output: attachmentSchema,
  },
} as const satisfies Record<Exclude<keyof DatabaseSide, 'region'>, Call>;

export type SideCall = keyof typeof sideCalls;

/** These may copy a whole database: their deadline is the service's `attachTimeout`. */
const copying: ReadonlySet<SideCall> = new Set<SideCall>(['salvage', 'attach']);

/**
 * Returns a database side whose calls all go through one function, by name. `attachTimeoutMs`:
 * deadline of `salvage` and `attach`.
 */
export function sideThrough(
  { region, attachTimeoutMs }: { readonly region: string; readonly attachTimeoutMs: number },
  call: (name: SideCall, body: unknown, deadlineMs: number) => Promise<unknown>,
): DatabaseSide {
  const names = Object.keys(sideCalls) as SideCall[];
  const calls = names.map((name) => {
    const deadlineMs = copying.has(name) ? attachTimeoutMs : sideCalls[name].deadlineMs;
    return [name, (body: unknown) => call(name, body, deadlineMs)];
  });
  return { region, ...Object.fromEntries(calls) } as DatabaseSide;
}

const ofPeer = {
  method: 'POST',
  deadlineMs: lookDeadlineMs,
  repeat: true,
  roles: ['guard'],
  guardOf: (body: unknown) => (body as { readonly pair: { readonly from: string } }).pair.from,
} as const;

/** The questions of the other region's guard. */
export const peerCalls = {
  word: {
    ...ofPeer,
    path: '/v1/peer/word',
    says: "The newest epoch that this guard knows, and its database's state",
    body: z.strictObject({
      pair: pairSchema,
      known: knownEpochSchema.extend({ epoch: token }),
    }),
    output: peerWordSchema,
  },
  renounce: {
    ...ofPeer,
    path: '/v1/peer/renounce',
    says: 'Refuses promotions with this token, so that the other side may open again',
    body: z.strictObject({ pair: pairSchema, run: runCommand.scope.shape.run, token }),
    output: renunciationSchema,
  },
  promise: {
    ...ofPeer,
    path: '/v1/peer/promise',
    says: 'Promises not to be promoted for one lease',
    body: z.strictObject({ pair: pairSchema, epoch: token, leaseMs: z.number().positive() }),
    output: peerPromiseSchema,
  },
  recordSync: {
    ...ofPeer,
    path: '/v1/peer/sync',
    says: "Writes down whether the other side's commits wait for this one",
    body: z.strictObject({ pair: pairSchema, record: syncRecordSchema }),
    output: nothing,
  },
} as const satisfies CallTable;

/** The commands of a person on the guard's own host; each needs the key in the guard's directory. */
export const hostCalls = {
  acceptCluster: {
    method: 'POST',
    path: '/v1/local/accept-cluster',
    says: 'Replaces the kept identity of the cluster, by name',
    body: acceptClusterSchema,
    output: nothing,
    // The guard first asks the store and the other guard.
    deadlineMs: commandDeadlineMs,
    repeat: true,
    roles: ['host'],
    inDateOnly: true,
  },
} as const satisfies CallTable;
