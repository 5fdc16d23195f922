import { z } from 'zod';
import type { Call, CallTable } from '../wire/wire.ts';
import { loggedRecord, maxRecordsACall, newRecord, recordKinds } from './record-log.ts';
import { type EvidenceKind, evidenceSamples, maxSamplesACall } from './samples.ts';

/** The calls of `throwover serve` for what people did and what was sampled. */

const name = z.string().min(1).max(200);

/** Longest wait, ms: a plan and a check wait for the answer. */
const deadlineMs = 2_000;

/** Longest answer, bytes: a page of samples or records. */
const maxAnswerBytes = 64 * 1024 ** 2;

const common = { deadlineMs, maxAnswerBytes } as const;

const subject = z.object({ service: name, kind: z.enum(recordKinds) });

export const recordCalls = {
  append: {
    ...common,
    method: 'POST',
    path: '/v1/records/:service/:kind',
    says: 'Appends one record of what a person did or said',
    params: subject,
    body: newRecord,
    output: loggedRecord,
    // It may have taken effect.
    repeat: false,
    roles: ['controller', 'operator'],
  },
  list: {
    ...common,
    method: 'GET',
    path: '/v1/records/:service/:kind',
    says: 'The records of a kind after `since`, oldest first',
    params: subject,
    query: z.object({
      since: z.coerce.number().int().nonnegative().optional(),
      limit: z.coerce.number().int().min(1).max(maxRecordsACall).optional(),
    }),
    output: z.array(loggedRecord),
    repeat: true,
    roles: ['controller', 'viewer'],
  },
} as const satisfies CallTable;

const query = z.object({
  since: z.coerce.number().nonnegative().optional(),
  until: z.coerce.number().nonnegative().optional(),
  skip: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(maxSamplesACall).optional(),
});

/** The two calls of one kind of sample. */
export function evidenceCallsOf<Kind extends EvidenceKind>(kind: Kind) {
  const sample = evidenceSamples[kind];
  const path = `/v1/evidence/:service/${kind}` as const;
  const params = z.object({ service: name });
  return {
    add: {
      ...common,
      method: 'POST',
      path,
      says: `Keeps samples of the kind ${kind}: all of them, or none`,
      params,
      body: z.array(sample).max(maxSamplesACall),
      output: z.object({ added: z.int().nonnegative() }),
      repeat: false,
      roles: ['controller', 'operator'],
    },
    list: {
      ...common,
      method: 'GET',
      path,
      says: `Samples of the kind ${kind}, newest first`,
      params,
      query,
      output: z.array(sample),
      repeat: true,
      roles: ['controller', 'viewer'],
    },
  } as const satisfies Record<string, Call>;
}

export const evidenceKinds = Object.keys(evidenceSamples) as readonly EvidenceKind[];

/** The calls of all kinds; their names are `add-KIND` and `list-KIND`. */
export const evidenceCalls: CallTable = Object.fromEntries(
  evidenceKinds.flatMap((kind) => {
    const { add, list } = evidenceCallsOf(kind);
    return [
      [`add-${kind}`, add],
      [`list-${kind}`, list],
    ];
  }),
);
