/**
 * Process: a webhook sender that behaves as Stripe does.
 *
 *   sender.ts        the process: events API and the lab's commands on one port
 *   config.ts        its configuration, and the records that it returns
 *   campaign.ts      a steady stream of events, each with its retries
 *   schedule.ts      when it tries again
 *   target.ts        one attempt: to a gateway, or by name through a resolver
 *   stripe-event.ts  the contents of an event
 *   events-api.ts    Stripe's list of events
 *
 * Differences to Stripe: Stripe sends from many machines, sends duplicates now and then, and
 * disables an endpoint that fails for days.
 */
import { Hono } from 'hono';
import { type Clock, systemClock } from 'throwover/kernel';
import { z } from 'zod';
import { type Running, runProcess } from '../entry.ts';
import { serveApp } from '../listen.ts';
import { Campaign } from './campaign.ts';
import { type SenderConfig, senderConfig, startSchema } from './config.ts';
import { eventsApi } from './events-api.ts';

export async function startSender(config: SenderConfig, clock: Clock): Promise<Running> {
  let campaign: Campaign | null = null;
  const app = new Hono();
  app.post('/__lab/start', async (context) => {
    const command = startSchema.safeParse(await context.req.json().catch(() => undefined));
    if (!command.success) return context.json({ error: z.prettifyError(command.error) }, 400);
    if (campaign !== null && campaign.state !== 'ended') {
      return context.json({ error: `it is ${campaign.state}: POST /__lab/end first` }, 409);
    }
    campaign = new Campaign(command.data, { clock, ...config });
    return context.json({ state: campaign.state });
  });
  app.post('/__lab/stop', (context) => {
    campaign?.stop();
    return context.json({ state: campaign?.state ?? 'idle' });
  });
  app.post('/__lab/end', async (context) => {
    await campaign?.end();
    return context.json({ state: campaign?.state ?? 'idle' });
  });
  app.get('/__lab/records', (context) => context.json(campaign?.records() ?? []));
  app.route(
    '/',
    eventsApi(() => campaign?.sent ?? []),
  );

  const server = await serveApp(app, config);
  return {
    addresses: { url: server.url },
    close: async () => {
      await campaign?.end();
      await server.close();
    },
  };
}

if (import.meta.main) {
  await runProcess('sender', senderConfig, (config) => startSender(config, systemClock));
}
