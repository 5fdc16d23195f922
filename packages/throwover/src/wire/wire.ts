/**
 * Calls between throwover's own processes. Each process that listens has one table of calls, beside
 * the schemas of its messages; this folder makes from it
 *
 *   client.ts   the calls of a client
 *   routes.ts   the routes of the server, and the only place that adds one
 *   callers.ts  who may call what, by the certificate of the caller
 *   openapi.ts  the OpenAPI document, which each process serves itself
 *
 * The tables: store/wire.ts, records/calls.ts and server/calls.ts (`throwover serve`),
 * authority/calls.ts (guard), traffic/door-calls.ts, webhooks/calls.ts (gateway).
 */
import { z } from 'zod';

/**
 * Who may call, where the process has a certificate; who calls is read in theirs (callers.ts).
 *
 * controller: a process that plans or carries out a run. serve: `throwover serve`. guard: a guard of
 * the same service. metrics: what scrapes and probes. viewer: a person or tool that only reads.
 * operator: a person who changes something. host: a person on the process's own host.
 */
export const roles = [
  'controller',
  'serve',
  'guard',
  'metrics',
  'viewer',
  'operator',
  'host',
] as const;
export type Role = (typeof roles)[number];

/** One call of a process. A schema that is absent: the call takes nothing there. */
export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** `/v1/lag/:service`: a part after a colon is in `params`. */
  readonly path: `/${string}`;
  /** For people, in one sentence. */
  readonly says: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** JSON. */
  readonly body?: z.ZodType;
  /** JSON; `text` for a call that answers lines. */
  readonly output: z.ZodType | 'text';
  /** Longest wait for the whole answer, ms, unless the caller has a reason for another. */
  readonly deadlineMs: number;
  /** Longest answer that a client reads, bytes; default 1 MiB. */
  readonly maxAnswerBytes?: number;
  /**
   * Whether a second identical call has no further effect, so that it may be sent again when no
   * answer came.
   */
  readonly repeat: boolean | ((body: unknown) => boolean);
  readonly roles: readonly Role[];
  /** Refused to a certificate that has expired or is not valid yet: beginnings and administration. */
  readonly inDateOnly?: true;
  /** The region that a guard speaks for in this call: it must be its own. */
  readonly guardOf?: (body: unknown) => string;
}

/** An answer without a value: `null` in JSON. */
export const nothing = z.null().transform(() => undefined);

export type CallTable = Readonly<Record<string, Call>>;

/** The tables of one process, by group; the names of groups stand in its OpenAPI document. */
export type ProcessTable = Readonly<Record<string, CallTable>>;

// A position is a branded string, which is an object too for TypeScript.
type Primitive = string | number | boolean | null | undefined;
type ReadOnly<T> = T extends Primitive
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: ReadOnly<T[Key]> }
    : T;

/** The values that a schema accepts, read-only through and through. */
export type ValueOf<Schema extends z.ZodType> = ReadOnly<z.output<Schema>>;

type Part<One, Key extends 'params' | 'query' | 'body'> = One extends {
  readonly [Named in Key]: z.ZodType<infer Value>;
}
  ? { readonly [Named in Key]: ReadOnly<Value> }
  : unknown;

/** What a call takes: `params`, `query` and `body`, as far as it has them. */
export type Given<One extends Call> = Part<One, 'params'> & Part<One, 'query'> & Part<One, 'body'>;

export type Output<One extends Call> = One['output'] extends z.ZodType
  ? ValueOf<One['output']>
  : string;

/** Whether this call may be sent again although it may have taken effect. */
export function repeatable({ repeat }: Call, body: unknown): boolean {
  return typeof repeat === 'function' ? repeat(body) : repeat;
}
