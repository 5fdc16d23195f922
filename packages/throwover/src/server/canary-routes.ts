import { Hono } from 'hono';
import { closeServer, listenAt, systemClock, urlOf } from '../kernel/kernel.ts';
import { storeErrors } from '../store/store.ts';
import { canaryCalls, type RunningCanary } from '../traffic/canary/canary.ts';
import { canaryErrors } from '../traffic/traffic.ts';
import { controlServer } from '../wire/control-server.ts';
import { Routes } from '../wire/routes.ts';
import { canaryTable } from './calls.ts';

/** The calls for the canary zones that this process serves. */
export function canaryRoutes(routes: Routes, canaries: readonly RunningCanary[]): void {
  routes.add(canaryCalls, {
    status: () => ({ zones: canaries.map((canary) => canary.status()) }),
    seen: ({ params: { nonce } }) =>
      canaries.flatMap((canary) => canary.seen(nonce) ?? [])[0] ?? null,
    seenSince: ({ query }) => canaries.flatMap((canary) => canary.seenSince(query.since)),
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
  const routes = new Routes(app, {
    title: 'throwover dns canary, admin port',
    table: canaryTable,
    maxBodyBytes: 0,
    badCall: (message, issues) => storeErrors.make('bad-request', message, { issues }),
  });
  canaryRoutes(routes, [canary]);
  const server = controlServer(app);
  const bound = await listenAt(server, { host, port }, ({ message, cause }) =>
    canaryErrors.make('canary-listen-failed', message, { host, port }, cause),
  );
  return {
    url: urlOf(bound),
    close: () => closeServer(server, { clock: systemClock, graceMs: 0 }),
  };
}
