/**
 * The permanent record of what people did and said (server/record-log.ts): one append-only log for
 * each service.
 *
 * The state of a change, a task, a drill or a finding is a pure fold over its records. Each kind
 * defines its own `body`; the code that folds it reads it with a schema.
 */
import { z } from 'zod';
import { invalid } from './invalid.ts';

export const recordKinds = ['baseline', 'change', 'task', 'drill', 'finding', 'move'] as const;
export type RecordKind = (typeof recordKinds)[number];

/** Longest body, in characters of JSON; a baseline with its days is the largest. */
export const maxRecordBody = 500_000;

/** Most records in one response. */
export const maxRecordsACall = 1_000;

const body = z.record(z.string(), z.unknown());

/** A record as it is sent to be appended. */
export const newRecord = z.strictObject({
  by: z.string().min(1).max(200),
  body: body.refine((given) => JSON.stringify(given).length <= maxRecordBody, {
    error: `a body of at most ${maxRecordBody} characters of JSON`,
  }),
});

/** Returns the record that is to be appended. Throws `bad-request` for an invalid one. */
export function newRecordOf(kind: RecordKind, given: unknown): z.infer<typeof newRecord> {
  const read = newRecord.safeParse(given);
  if (read.success) return read.data;
  throw invalid(`record of kind ${kind}`, read.error);
}

export const loggedRecord = z.object({
  /** Grows by one with each record of the service, over all kinds. */
  seq: z.int().positive(),
  /** When it was appended, by the log's own clock, ms since the Unix epoch. */
  atWallMs: z.number().nonnegative(),
  service: z.string(),
  kind: z.enum(recordKinds),
  /** The person or machine that made the statement. */
  by: z.string(),
  body,
});
export type LoggedRecord = z.infer<typeof loggedRecord>;

/**
 * The log of one service. Both calls have a deadline of 2 s. `append` is not retried, since it may
 * have taken effect. Throws `store-away`, or `bad-request` for an invalid record.
 */
export interface RecordLog {
  append(
    kind: RecordKind,
    by: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<LoggedRecord>;
  /** Returns all records of a kind after `sinceSeq`, oldest first. */
  list(
    kind: RecordKind,
    options?: { readonly sinceSeq?: number },
  ): Promise<readonly LoggedRecord[]>;
}
