import { z } from 'zod';
import { type Call, nothing } from '../wire/wire.ts';
import { maxCounter, maxLossesPerCall, maxRecordsPerAppend, maxRunsListed } from './limits.ts';
import type { Store } from './port.ts';
import {
  count,
  endingSchema,
  expirySchema,
  haltSchema,
  leaseMs,
  leaseSchema,
  lossCountSchema,
  lossSchema,
  name,
  note,
  recordSchema,
  renewalSchema,
  serviceSchema,
  stateSchema,
  summarySchema,
  sync,
} from './shapes.ts';

/**
 * The port as JSON: `POST /v1/store/<call>` with the call's argument, answered by its result or by
 * an ErrorJson. `throwover serve` reads requests with it, the remote adapter reads answers.
 */

/** The run in whose name a controller calls. */
const speaker = { service: name, runId: name, token: count };

/**
 * Schemas and properties of each call.
 *
 * `repeat`: a second identical call has no further effect, so it may be sent again when no answer
 * came. Not beginRun and takeRun: `throwover runs` shows a run that began although the answer was
 * lost. Not resolveLoss and taking a halt back, because another person may have acted in between. A
 * renewal is safe to send again, because its holder counts from the first sending: an expiry only
 * waits longer.
 */
const rows = {
  registerService: {
    says: 'Registers a service; the same again changes nothing',
    roles: ['controller', 'operator'],
    inDateOnly: true,
    body: z.object({
      name,
      regions: z.array(name).min(1).max(20),
      active: name,
      atLeast: z
        .object({
          epoch: count.max(maxCounter),
          token: count.max(maxCounter),
          openRun: name.exactOptional(),
        })
        .exactOptional(),
    }),
    output: serviceSchema,
    repeat: true,
  },
  service: {
    says: "The service's epoch and active region",
    roles: ['controller', 'guard', 'viewer'],
    body: name,
    output: serviceSchema,
    repeat: true,
  },
  beginRun: {
    says: 'Begins a run of an approved plan',
    roles: ['controller'],
    inDateOnly: true,
    body: z.object({
      service: name,
      kind: name,
      from: name,
      to: name,
      epoch: count,
      planDigest: name,
      plan: z.unknown(),
      owner: name,
      leaseMs,
    }),
    output: leaseSchema,
    repeat: false,
  },
  takeRun: {
    says: 'Takes over a run whose controller is gone',
    roles: ['controller'],
    body: z.object({ runId: name, owner: name, leaseMs, force: z.boolean() }),
    output: leaseSchema,
    repeat: false,
  },
  renewRun: {
    says: "Renews a controller's lease of its run",
    roles: ['controller'],
    body: z.object({ runId: name, token: count, leaseMs }),
    output: z.object({ halted: haltSchema.nullable() }),
    repeat: true,
  },
  append: {
    says: 'Appends records to the journal of a run',
    roles: ['controller'],
    body: z.object({
      runId: name,
      token: count,
      records: z.array(recordSchema).min(1).max(maxRecordsPerAppend),
    }),
    output: nothing,
    repeat: true,
  },
  endDamaged: {
    says: 'Ends a run whose plan or journal is damaged, by name and with a reason',
    roles: ['operator'],
    body: z.object({ runId: name, by: name, reason: note.min(1) }),
    output: endingSchema,
    repeat: true,
  },
  openEpoch: {
    says: 'Opens the next epoch with its active region',
    roles: ['controller'],
    body: z.object({ service: name, runId: name, token: count, epoch: count, active: name }),
    output: serviceSchema,
    repeat: true,
  },
  adoptEpoch: {
    says: 'Writes down an epoch that a guard opened without a run',
    roles: ['controller', 'guard'],
    guardOf: (body) => (body as { active: string }).active,
    body: z.object({ service: name, epoch: count.max(maxCounter), active: name }),
    output: serviceSchema,
    repeat: true,
  },
  renewWriter: {
    says: 'Renews the right to write of the active region',
    roles: ['guard'],
    guardOf: (body) => (body as { region: string }).region,
    body: z.object({ service: name, region: name, epoch: count, leaseMs }),
    output: renewalSchema,
    repeat: true,
  },
  expireWriter: {
    says: 'Gives the right to write to nobody, and tells when the last one ends',
    roles: ['controller'],
    body: z.object(speaker),
    output: expirySchema,
    repeat: true,
  },
  restoreWriter: {
    says: 'Takes back expireWriter',
    roles: ['controller'],
    body: z.object(speaker),
    output: nothing,
    repeat: true,
  },
  recordSync: {
    says: 'Writes down whether commits wait for the standby',
    roles: ['guard'],
    guardOf: (body) => (body as { region: string }).region,
    body: z.object({ service: name, region: name, ...sync }),
    output: nothing,
    repeat: true,
  },
  setHalt: {
    says: 'Sets the kill switch, or takes it back',
    roles: ['operator'],
    body: haltSchema.nullable(),
    output: nothing,
    repeat: (halt: unknown) => halt !== null,
  },
  halt: {
    says: 'The kill switch, and who set it',
    roles: ['controller', 'viewer'],
    body: nothing,
    output: haltSchema.nullable(),
    repeat: true,
  },
  addLosses: {
    says: 'Adds rows to the ledger of losses',
    roles: ['controller'],
    body: z.object({ ...speaker, losses: z.array(lossSchema).max(maxLossesPerCall) }),
    output: nothing,
    repeat: true,
  },
  losses: {
    says: 'A page of the ledger of losses',
    roles: ['controller', 'viewer'],
    body: z.object({
      service: name,
      runId: name.exactOptional(),
      after: name.exactOptional(),
      limit: z.int().positive().max(maxLossesPerCall),
    }),
    output: z.array(lossSchema),
    repeat: true,
  },
  lossCount: {
    says: 'How many losses the ledger has',
    roles: ['controller', 'viewer'],
    body: z.object({ service: name, runId: name.exactOptional() }),
    output: lossCountSchema,
    repeat: true,
  },
  resolveLoss: {
    says: 'Marks a loss as dealt with, by name',
    roles: ['operator'],
    body: z.object({ service: name, id: name, by: name, note }),
    output: nothing,
    repeat: false,
  },
  run: {
    says: 'A run with its journal',
    roles: ['controller', 'viewer'],
    body: name,
    output: stateSchema,
    repeat: true,
  },
  runs: {
    says: 'The newest runs',
    roles: ['controller', 'viewer'],
    body: z.object({ service: name.optional(), limit: z.int().positive().max(maxRunsListed) }),
    output: z.array(summarySchema),
    repeat: true,
  },
} satisfies Record<keyof Store, Row>;

/** Longest time for one attempt, ms: an append takes 1-5 ms on a healthy store. */
const deadlineMs = 3_000;

/** Longest answer, bytes: a run of 10,000 records with their evidence. */
const maxAnswerBytes = 64 * 1024 ** 2;

type Row = Pick<Call, 'says' | 'output' | 'repeat' | 'roles' | 'inDateOnly' | 'guardOf'> & {
  readonly body: z.ZodType;
};

export type StoreCall = keyof typeof rows;

export const storeCallNames = Object.keys(rows) as readonly StoreCall[];

export const storeCalls = Object.fromEntries(
  Object.entries(rows).map(([name, row]) => [
    name,
    { ...row, method: 'POST', path: `/v1/store/${name}`, deadlineMs, maxAnswerBytes },
  ]),
) as {
  readonly [Name in StoreCall]: (typeof rows)[Name] &
    Omit<Call, 'params' | 'query' | 'body' | 'output'>;
};

/** Returns a store whose calls all go through one function, by name. */
export function storeThrough(call: (name: StoreCall, body: unknown) => Promise<unknown>): Store {
  const calls = storeCallNames.map((name) => [name, (body: unknown) => call(name, body)]);
  return Object.fromEntries(calls) as unknown as Store;
}
