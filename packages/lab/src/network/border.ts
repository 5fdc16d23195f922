/**
 * The network between the places: TCP links with latency, bandwidth and cuts, which can change
 * while they are used.
 *
 * Its only argument is `{admin: {host, port}, links: [{name, listen, target, latencyMs, ...}]}`.
 * `GET /links` shows them; `POST /links` with `{names, change: {latencyMs?,
 * bandwidthBytesPerSecond?, cut?}}` changes all the named links, or none when one is unknown.
 */
import { Hono } from 'hono';
import { systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { runProcess } from '../entry.ts';
import { serveApp } from '../listen.ts';
import { endpoint } from '../schemas.ts';
import { cuts, Link, type LinkChange, linkConfig } from './link.ts';

const borderConfig = z.strictObject({
  admin: endpoint,
  links: z.array(linkConfig),
});

const changeRequest = z.strictObject({
  names: z.array(z.string()).min(1),
  change: z.strictObject({
    latencyMs: z.number().nonnegative().max(60_000).optional(),
    bandwidthBytesPerSecond: z.number().positive().nullable().optional(),
    cut: z.enum(cuts).optional(),
  }),
});

await runProcess('border', borderConfig, async (config) => {
  const links = new Map(config.links.map((link) => [link.name, new Link(link, systemClock)]));
  const closeAll = async () => {
    await Promise.all([...links.values()].map((link) => link.close()));
  };
  try {
    for (const link of links.values()) await link.listen();
    const admin = await serveApp(adminApp(links), config.admin);
    return {
      addresses: { admin: admin.url },
      close: async () => {
        await Promise.all([admin.close(), closeAll()]);
      },
    };
  } catch (error) {
    // Links that already listen would keep a failed process alive.
    await closeAll();
    throw error;
  }
});

function adminApp(links: ReadonlyMap<string, Link>): Hono {
  const app = new Hono();
  const show = () => ({ links: [...links.values()].map((link) => link.state) });
  app.get('/links', (context) => context.json(show()));
  app.post('/links', async (context) => {
    const request = changeRequest.safeParse(await context.req.json().catch(() => null));
    if (!request.success) return context.json({ error: z.prettifyError(request.error) }, 400);
    const { names, change } = request.data;
    const unknown = names.filter((name) => !links.has(name));
    if (unknown.length > 0) return context.json({ error: `no link ${unknown.join(', ')}` }, 404);
    // Fields that are left out do not change.
    const said = Object.fromEntries(
      Object.entries(change).filter(([, value]) => value !== undefined),
    ) as LinkChange;
    for (const name of names) links.get(name)?.change(said);
    return context.json(show());
  });
  return app;
}
