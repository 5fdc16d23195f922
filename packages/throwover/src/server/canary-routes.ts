import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { z } from 'zod';
import { closeServer, isThrowoverError, listenAt, systemClock, urlOf } from '../kernel/kernel.ts';
import { storeErrors } from '../store/store.ts';
import type { RunningCanary } from '../traffic/canary/canary.ts';
import { canaryErrors } from '../traffic/traffic.ts';

const sinceQuery = z.object({ since: z.coerce.number().nonnegative().default(0) });

/**
 * `GET /v1/canary` returns the zones and their counts. `GET /v1/canary/seen/NONCE` returns the
 * resolver that asked for a beacon. `GET /v1/canary/seen?since=WALLMS` returns all of them, oldest
 * first, of at most the last ten minutes.
 */
export function canaryRoutes(app: Hono, canaries: readonly RunningCanary[]): void {
  app.get('/v1/canary', (c) => c.json({ zones: canaries.map((canary) => canary.status()) }));
  app.get('/v1/canary/seen/:nonce', (c) => {
    const nonce = c.req.param('nonce');
    const [found] = canaries.flatMap((canary) => canary.seen(nonce) ?? []);
    return found === undefined ? c.json({ nonce, resolver: null }, 404) : c.json({ ...found });
  });
  app.get('/v1/canary/seen', (c) => {
    const query = sinceQuery.safeParse(c.req.query());
    if (!query.success) throw storeErrors.make('bad-request', 'since: expected wall milliseconds');
    return c.json(canaries.flatMap((canary) => canary.seenSince(query.data.since)));
  });
}

/**
 * Starts the admin port of `throwover dns canary`. It has no authentication. It only reads, but it
 * names resolvers, so it belongs on loopback. Errors: `canary-listen-failed`.
 */
export async function startCanaryAdmin(
  canary: RunningCanary,
  { host, port }: { host: string; port: number },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const app = new Hono();
  canaryRoutes(app, [canary]);
  app.onError((error) => {
    if (!isThrowoverError(error)) throw error;
    return Response.json(error.toJSON(), { status: 400 });
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  const bound = await listenAt(server, { host, port }).catch((error: unknown) => {
    const message = `${host}:${port}: ${error instanceof Error ? error.message : String(error)}`;
    throw canaryErrors.make('canary-listen-failed', message, { host, port }, error);
  });
  return {
    url: urlOf(bound),
    close: () => closeServer(server, { clock: systemClock, graceMs: 0 }),
  };
}
