import type { Context } from 'hono';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Sent } from './campaign.ts';
import type { StripeEvent } from './stripe-event.ts';

const seconds = z.coerce.number().int().min(0).optional();

/** The supported parameters of Stripe's `GET /v1/events`; others are refused, as Stripe does. */
const listQuery = z
  .strictObject({
    limit: z.coerce.number().int().min(1).max(100).default(10),
    starting_after: z.string().optional(),
    ending_before: z.string().optional(),
    delivery_success: z.enum(['true', 'false']).optional(),
    'created[gt]': seconds,
    'created[gte]': seconds,
    'created[lt]': seconds,
    'created[lte]': seconds,
    type: z.string().optional(),
  })
  .refine((query) => query.starting_after === undefined || query.ending_before === undefined, {
    message: 'give starting_after or ending_before, not both',
  });
type ListQuery = z.infer<typeof listQuery>;

/**
 * Stripe's events API, newest first, from which a backfill lists. `delivery_success=false` returns
 * the events without a 2xx, still being retried or given up.
 */
export function eventsApi(sent: () => readonly Sent[]): Hono {
  const app = new Hono();
  app.use('/v1/*', async (context, next) => {
    if (/^Bearer sk_\w+/.test(context.req.header('authorization') ?? '')) return next();
    return problem(context, 401, 'You did not provide an API key: any `sk_...` will do here.');
  });
  app.get('/v1/events', (context) => {
    const query = listQuery.safeParse(context.req.query());
    if (!query.success) return problem(context, 400, z.prettifyError(query.error));
    const page = pageOf(sent(), query.data);
    if (page === null)
      return problem(context, 400, 'No such event: the cursor is not in this list');
    return context.json({ object: 'list', url: '/v1/events', ...page });
  });
  app.get('/v1/events/:id', (context) => {
    const found = sent().find(({ event }) => event.id === context.req.param('id'));
    return found === undefined
      ? problem(context, 404, `No such event: '${context.req.param('id')}'`)
      : context.json(asListed(found));
  });
  return app;
}

/** Returns a page; `null` when the cursor names an unknown event. */
function pageOf(
  sent: readonly Sent[],
  query: ListQuery,
): { data: StripeEvent[]; has_more: boolean } | null {
  const newestFirst = [...sent].reverse();
  const cursor = query.starting_after ?? query.ending_before;
  const at = newestFirst.findIndex(({ event }) => event.id === cursor);
  if (cursor !== undefined && at < 0) return null;
  const { limit } = query;
  if (query.ending_before !== undefined) {
    const newer = newestFirst.slice(0, at).filter((one) => matches(one, query));
    return { data: newer.slice(-limit).map(asListed), has_more: newer.length > limit };
  }
  const older = newestFirst.slice(at + 1).filter((one) => matches(one, query));
  return { data: older.slice(0, limit).map(asListed), has_more: older.length > limit };
}

function matches({ event, state }: Sent, query: ListQuery): boolean {
  const { created } = event;
  const wanted = query.delivery_success;
  return (
    (wanted === undefined || (state === 'delivered') === (wanted === 'true')) &&
    (query.type === undefined || query.type === event.type) &&
    created > (query['created[gt]'] ?? -1) &&
    created >= (query['created[gte]'] ?? 0) &&
    created < (query['created[lt]'] ?? Number.POSITIVE_INFINITY) &&
    created <= (query['created[lte]'] ?? Number.POSITIVE_INFINITY)
  );
}

function asListed({ event, state }: Sent): StripeEvent {
  return { ...event, pending_webhooks: state === 'delivered' ? 0 : 1 };
}

function problem(context: Context, status: 400 | 401 | 404, message: string) {
  return context.json({ error: { type: 'invalid_request_error', message } }, status);
}
