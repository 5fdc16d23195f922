import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import {
  knownEpochSchema,
  pairSchema,
  runCommand,
  syncRecordSchema,
} from '../../../authority/authority.ts';
import { ThrowoverError } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { type CommandName, commands, type Input, looks, type Output } from '../wire.ts';

/** Largest command, bytes: a proof and a promotion have some hundred. */
const maxBodyBytes = 64 * 1024;

export type Handlers = {
  readonly [Name in CommandName]: (input: Input<Name>) => Promise<Output<Name>>;
};

/** The questions of the other guard. */
const peerCalls = {
  word: z.strictObject({ pair: pairSchema, known: knownEpochSchema }),
  renounce: z.strictObject({
    pair: pairSchema,
    run: runCommand.scope.shape.run,
    token: runCommand.token,
  }),
  promise: z.strictObject({
    pair: pairSchema,
    epoch: z.int().nonnegative(),
    leaseMs: z.number().positive(),
  }),
  sync: z.strictObject({ pair: pairSchema, record: syncRecordSchema }),
} as const;

type PeerCall = keyof typeof peerCalls;

export type PeerHandlers = {
  readonly [Name in PeerCall]: (input: z.infer<(typeof peerCalls)[Name]>) => Promise<object>;
};

/**
 * Commands over HTTP: `POST /v1/NAME` with a JSON body. `GET /v1/status`, `/v1/survey`,
 * `/v1/upstream` and `/v1/place` change nothing. `POST /v1/peer/NAME`: questions of the other
 * guard.
 */
export function guardApp(handlers: Handlers, peer: PeerHandlers): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: maxBodyBytes }));
  app.get('/v1/status', async (context) => context.json(await handlers.status({})));
  app.get('/v1/survey', async (context) => context.json(await handlers.survey({})));
  app.get('/v1/place', async (context) => context.json(await handlers.place({})));
  app.get('/v1/upstream', async (context) => context.json(await handlers.upstream({})));
  for (const name of Object.keys(commands) as CommandName[]) {
    if (looks(name)) continue;
    app.post(`/v1/${name}`, (context) => answer(context, name, handlers));
  }
  for (const name of Object.keys(peerCalls) as PeerCall[]) {
    app.post(`/v1/peer/${name}`, async (context) => {
      const input = peerCalls[name].safeParse(await context.req.json().catch(() => null));
      if (!input.success) throw notUnderstood(name, input.error);
      return context.json(await (peer[name] as (input: unknown) => Promise<object>)(input.data));
    });
  }
  app.onError((error, context) => {
    const known = error instanceof ThrowoverError ? error : unexpected(error);
    console.error(JSON.stringify({ level: 'error', path: context.req.path, ...known.toJSON() }));
    return context.json(known.toJSON(), statusFor(known));
  });
  return app;
}

async function answer<Name extends CommandName>(
  context: Context,
  name: Name,
  handlers: Handlers,
): Promise<Response> {
  const input = commands[name].input.safeParse(await context.req.json().catch(() => null));
  if (!input.success) throw notUnderstood(name, input.error);
  return context.json(await handlers[name](input.data as Input<Name>));
}

function notUnderstood(name: string, error: z.ZodError) {
  return postgresErrors.make(
    'database-refused',
    `the command ${name} is not understood: ${z.prettifyError(error)}`,
  );
}

/** A refusal is 409; "could not tell" is 503. */
function statusFor(error: ThrowoverError): ContentfulStatusCode {
  return error.disposition === 'retry' ? 503 : 409;
}

/**
 * Turns PostgreSQL's own refusal, or a fault of this process, into an error with its message and
 * code.
 */
function unexpected(error: Error): ThrowoverError {
  const { code } = error as { code?: unknown };
  return postgresErrors.make(
    'database-refused',
    error.message,
    typeof code === 'string' ? { code } : {},
    error,
  );
}
