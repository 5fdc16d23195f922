import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { isThrowoverError } from '../kernel/kernel.ts';
import { webhookErrors } from './errors.ts';
import type { EventJournal } from './journal.ts';
import type { Modes } from './modes.ts';
import { eventsQuerySchema, type GatewayDetails, redeliverSchema, setModeSchema } from './wire.ts';

/** A command has some hundred bytes. */
const MAX_COMMAND_BYTES = 16_384;

const statusOf: Readonly<Record<string, 400 | 409 | 503>> = {
  'gateway-request-invalid': 400,
  'gateway-refused': 409,
};

/**
 * The admin port, for the control plane and for people; see wire.ts. It has no authentication: use
 * a private address.
 */
export function createAdmin(options: {
  modes: Modes;
  journal: EventJournal;
  details: () => GatewayDetails;
}) {
  const { modes, journal, details } = options;
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get('/v1/gateway', (context) => context.json(details()));
  app.put('/v1/gateway/mode', bodyLimit({ maxSize: MAX_COMMAND_BYTES }), async (context) => {
    const { mode, token } = parse(setModeSchema, await context.req.json().catch(() => undefined));
    await modes.set(mode, token);
    return context.json(details());
  });
  app.post('/v1/gateway/redeliver', bodyLimit({ maxSize: MAX_COMMAND_BYTES }), async (context) => {
    const input = await context.req.json().catch(() => undefined);
    const { window, token } = parse(redeliverSchema, input);
    return context.json({ events: await modes.redeliver(window, token) });
  });
  app.get('/v1/gateway/events', (context) => {
    const query = parse(eventsQuerySchema, context.req.query());
    const events = journal.events({ ...query, limit: query.limit + 1 });
    return context.json({
      events: events.slice(0, query.limit),
      hasMore: events.length > query.limit,
    });
  });
  app.onError((error, context) => {
    if (!isThrowoverError(error)) throw error;
    return context.json(error.toJSON(), statusOf[error.code] ?? 503);
  });
  return createAdaptorServer({ fetch: app.fetch });
}

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw webhookErrors.make('gateway-request-invalid', problems.join('; '), { problems });
}
