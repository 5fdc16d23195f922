import type { IncomingMessage } from 'node:http';
import type { Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import {
  BodyBudget,
  type Disposition,
  isThrowoverError,
  type ThrowoverError,
} from '../kernel/kernel.ts';
import type { Callers } from './callers.ts';
import { wireErrors } from './errors.ts';
import { openApiOf } from './openapi.ts';
import type { Call, CallTable, Given, Output, ProcessTable } from './wire.ts';

/** A handler may answer with a `Response` of its own: another status, another type of content. */
export type Handlers<Table extends CallTable> = {
  readonly [Name in keyof Table]: (
    given: Given<Table[Name]>,
    context: Context,
  ) => Answer<Output<Table[Name]>> | Response | Promise<Answer<Output<Table[Name]>> | Response>;
};

type Answer<Value> = [Value] extends [undefined]
  ? // biome-ignore lint/suspicious/noConfusingVoidType: what a handler without an answer returns
    void
  : Value;

/** How one process words a call that it does not understand, and a bug. */
export interface Refusals {
  /** The answer to a call that is not understood; its status is 400, or 404 for no such call. */
  readonly badCall: (message: string, issues: readonly string[]) => ThrowoverError;
  /** Absent: `badCall`. */
  readonly tooLarge?: (message: string) => ThrowoverError;
  /** Absent: a bug ends the call without an error of ours. */
  readonly bug?: (error: Error) => ThrowoverError;
  readonly onRefusal?: (error: ThrowoverError, path: string) => void;
}

const wayOf = ({ method, path }: Call): string => `${method} ${path}`;

/** A call that was not understood: nothing was done. */
class BadCall extends Error {
  readonly refusal: ThrowoverError;
  readonly status: 400 | 403 | 404 | 413;

  constructor(refusal: ThrowoverError, status: BadCall['status']) {
    super(refusal.message);
    this.refusal = refusal;
    this.status = status;
  }
}

/** A body up to this size is always read, bytes. */
const smallBytes = 64 * 1024;

/** Memory that all larger bodies share, bytes. */
const sharedBytes = 32 * 1024 ** 2;

/** The length that the call states, bytes, to which Node holds its body; `null` where it states none. */
function statedLength({ req }: Context): number | null {
  if (req.header('transfer-encoding') !== undefined) return null;
  return Number(req.header('content-length') ?? 0);
}

const fromPage = ({ req }: Context): BadCall =>
  new BadCall(wireErrors.make('call-from-a-page', `a page of ${req.header('origin')} called`), 403);

/** The request as Node has it, with its connection. */
const incoming = ({ env }: Context): IncomingMessage =>
  (env as { readonly incoming: IncomingMessage }).incoming;

const busy = ({ req }: Context): ThrowoverError =>
  wireErrors.make('process-busy', `${req.path}: too many large calls at once`);

const statuses: Readonly<Record<Disposition, 409 | 500 | 503>> = {
  retry: 503,
  wait: 409,
  stop: 409,
  page: 500,
};

/**
 * The routes of one process: adds those of a table, each with its checks, and answers everything
 * else with an error. `GET /openapi.json` describes them all.
 */
export class Routes {
  readonly #app: Hono;
  readonly #refusals: Refusals;
  readonly #tooLarge: () => BadCall;
  readonly #callers: Callers | null;
  readonly #ways: ReadonlySet<string>;

  constructor(
    app: Hono,
    options: Refusals & {
      readonly title: string;
      readonly table: ProcessTable;
      /** Longest body of a call, bytes. */
      readonly maxBodyBytes: number;
      /** Who may call; `null`: this process has no certificate, and whoever reaches it may. */
      readonly callers?: Callers | null;
    },
  ) {
    const { title, table, maxBodyBytes, callers = null } = options;
    this.#callers = callers;
    this.#app = app;
    this.#refusals = options;
    this.#ways = new Set(Object.values(table).flatMap((calls) => Object.values(calls).map(wayOf)));
    const tooLarge = `a body of more than ${maxBodyBytes} bytes`;
    this.#tooLarge = () =>
      new BadCall(options.tooLarge?.(tooLarge) ?? options.badCall(tooLarge, []), 413);
    const onError = (c: Context) => this.#refuse(c, this.#tooLarge());
    const counted = bodyLimit({ maxSize: maxBodyBytes, onError });
    const budget = new BodyBudget({ smallBytes, sharedBytes });
    if (callers !== null) {
      app.use(async (c, next) => {
        const refusal = callers.refused(incoming(c));
        return refusal === null ? next() : this.#refuse(c, new BadCall(refusal, 403));
      });
    }
    app.use('/v1/*', async (c, next) => {
      if (c.req.header('origin') !== undefined) return this.#refuse(c, fromPage(c));
      const length = statedLength(c);
      if (length !== null && length > maxBodyBytes) return onError(c);
      const share = budget.begin();
      try {
        if (!share.take(length ?? maxBodyBytes)) return this.#refuse(c, busy(c));
        // Hono's limit makes a stream of every body, which costs more than most calls.
        return await (length === null ? counted(c, next) : next());
      } finally {
        share.end();
      }
    });
    app.get('/openapi.json', (c) => c.json(openApiOf({ title, table })));
    app.notFound((c) => {
      const message = `no ${c.req.method} ${c.req.path} here; GET /openapi.json has every call`;
      return this.#refuse(c, new BadCall(options.badCall(message, []), 404));
    });
    app.onError((error, c) => this.#refuse(c, error));
  }

  add<Table extends CallTable>(table: Table, handlers: Handlers<Table>): this {
    for (const [name, call] of Object.entries(table)) {
      if (!this.#ways.has(wayOf(call))) {
        throw new Error(`${wayOf(call)} is not in the process's table`);
      }
      const handle = handlers[name] as (given: unknown, context: Context) => unknown;
      this.#app.on(call.method, call.path, async (c) => {
        // Before the body is read.
        this.#mustBe(c, (request) => this.#callers?.notAllowed(request, name, call));
        const given = await this.#given(name, call, c);
        this.#mustBe(c, (request) => this.#callers?.notForGuard(request, call, given.body));
        const answer = await handle(given, c);
        return answer instanceof Response ? answer : c.json(answer ?? null);
      });
    }
    return this;
  }

  #mustBe(c: Context, refusal: (request: IncomingMessage) => ThrowoverError | null | undefined) {
    const refused = this.#callers === null ? null : refusal(incoming(c));
    if (refused) throw new BadCall(refused, 403);
  }

  async #given(name: string, call: Call, c: Context): Promise<{ readonly body?: unknown }> {
    const { params, query, body } = call;
    return {
      ...(params === undefined ? {} : { params: this.#parsed(name, params, c.req.param()) }),
      ...(query === undefined ? {} : { query: this.#parsed(name, query, c.req.query()) }),
      ...(body === undefined ? {} : { body: this.#parsed(name, body, await this.#json(name, c)) }),
    };
  }

  #parsed(name: string, schema: z.ZodType, input: unknown): unknown {
    const parsed = schema.safeParse(input);
    if (parsed.success) return parsed.data;
    const issues = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    const message = `${name}: ${issues.join('; ')}`;
    throw new BadCall(this.#refusals.badCall(message, issues), 400);
  }

  /** The content type must be JSON, so that no web page can post it without permission. */
  async #json(name: string, c: Context): Promise<unknown> {
    if (!c.req.header('content-type')?.startsWith('application/json')) {
      const message = `${name}: the body must be application/json`;
      throw new BadCall(this.#refusals.badCall(message, []), 400);
    }
    try {
      return JSON.parse(await c.req.text());
    } catch (error) {
      // A body without a length is counted while it is read.
      if ((error as Error).name === 'BodyLimitError') throw this.#tooLarge();
      throw new BadCall(this.#refusals.badCall(`${name}: the body is no JSON`, []), 400);
    }
  }

  #refuse(c: Context, error: Error): Response {
    const { bug, onRefusal } = this.#refusals;
    const refusal = error instanceof BadCall ? error.refusal : error;
    const known = isThrowoverError(refusal) ? refusal : bug?.(error);
    if (known === undefined) throw error;
    onRefusal?.(known, c.req.path);
    const status = error instanceof BadCall ? error.status : statuses[known.disposition];
    return c.json(known.toJSON(), status);
  }
}
