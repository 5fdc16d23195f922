/**
 * Process: the clients of one recording, like the browsers and services that call checkout.
 *
 *   clients.ts       the process and its commands: start, stop, live
 *   config.ts        its configuration
 *   pace.ts          which client sends which request, and when
 *   traffic.ts       all clients of a recording
 *   client.ts        one client: its lookups, its requests, its records
 *   own-reads.ts     tokens of own writes, and the outcomes of reading them
 *   pooled-agent.ts  a connection pool with a maximum age
 *   runtime-cache.ts a runtime that caches an address itself
 *   beacons.ts       now and then a client reports which resolver it uses
 *   recorder.ts      every request as a line of a file
 *   live.ts          the last second, for a display
 */
import { Hono } from 'hono';
import { type Clock, isThrowoverError, systemClock } from 'throwover/kernel';
import { type Running, runProcess } from '../entry.ts';
import { serveApp } from '../listen.ts';
import { type ClientsConfig, clientsConfig } from './config.ts';
import { Traffic } from './traffic.ts';

export async function startClients(config: ClientsConfig, clock: Clock): Promise<Running> {
  let traffic: Traffic | null = null;
  let ended: ReturnType<Traffic['stop']> | null = null;
  const app = new Hono();
  app.post('/__lab/start', (context) => {
    if (traffic !== null) return context.json({ error: 'one recording a process' }, 409);
    traffic = new Traffic(config, clock);
    return context.json({ state: 'running' });
  });
  app.post('/__lab/stop', async (context) => {
    if (traffic === null) return context.json({ error: 'POST /__lab/start first' }, 409);
    ended ??= traffic.stop();
    return context.json({ state: 'ended', ...(await ended) });
  });
  app.get('/__lab/live', (context) =>
    context.json({
      state: traffic === null ? 'idle' : ended === null ? 'running' : 'ended',
      counts: traffic?.counts ?? null,
      lastSecond: traffic?.live() ?? null,
    }),
  );
  app.onError((error, context) =>
    context.json(isThrowoverError(error) ? error.toJSON() : { message: error.message }, 500),
  );

  const server = await serveApp(app, { host: config.host, port: config.adminPort });
  return {
    addresses: { url: server.url },
    close: async () => {
      if (traffic !== null) {
        ended ??= traffic.stop();
        await ended;
      }
      await server.close();
    },
  };
}

if (import.meta.main) {
  await runProcess('clients', clientsConfig, (config) => startClients(config, systemClock));
}
