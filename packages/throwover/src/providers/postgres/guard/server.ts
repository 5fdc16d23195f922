import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import { ThrowoverError } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { type CommandName, commands, type Input, type Output } from '../wire.ts';

/** Largest command, bytes: a proof and a promotion are some hundred. */
const maxBodyBytes = 64 * 1024;

export type Handlers = {
  readonly [Name in CommandName]: (input: Input<Name>) => Promise<Output<Name>>;
};

/** Commands over HTTP: `POST /v1/NAME` with a JSON body; `GET /v1/status` changes nothing. */
export function guardApp(handlers: Handlers): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: maxBodyBytes }));
  app.get('/v1/status', async (context) => context.json(await handlers.status({})));
  for (const name of Object.keys(commands) as CommandName[]) {
    if (name === 'status') continue;
    app.post(`/v1/${name}`, (context) => answer(context, name, handlers));
  }
  app.onError((error, context) => {
    const known = error instanceof ThrowoverError ? error : unexpected(error);
    console.error(JSON.stringify({ level: 'error', path: context.req.path, ...known.toJSON() }));
    return context.json({ error: known.toJSON() }, statusFor(known));
  });
  return app;
}

async function answer<Name extends CommandName>(
  context: Context,
  name: Name,
  handlers: Handlers,
): Promise<Response> {
  const input = commands[name].input.safeParse(await context.req.json().catch(() => null));
  if (!input.success) {
    throw postgresErrors.make(
      'database-refused',
      `the command ${name} is not understood: ${z.prettifyError(input.error)}`,
    );
  }
  return context.json(await handlers[name](input.data as Input<Name>));
}

/** A "no" is 409; "could not tell" is 503. */
function statusFor(error: ThrowoverError): ContentfulStatusCode {
  return error.code === 'database-unreachable' ? 503 : 409;
}

/** PostgreSQL's own "no", or a fault of this process: in its words, with its code. */
function unexpected(error: Error): ThrowoverError {
  const { code } = error as { code?: unknown };
  return postgresErrors.make(
    'database-refused',
    error.message,
    typeof code === 'string' ? { code } : {},
    error,
  );
}
