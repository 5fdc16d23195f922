import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers as wire } from '@throwover/client';
import Stripe from 'stripe';
import { type Agent, request } from 'undici';
import { systemClock } from '../kernel/kernel.ts';
import type { GatewayEvent } from './wire.ts';

/**
 * Shared parts of this folder's tests: a receiving application, a signing sender, a directory on
 * disk.
 */
export const secret = 'whsec_of_the_tests';

export interface Seen {
  readonly id: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly source: string;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export type Answer = { status: number; headers?: Record<string, string> };

/** An application that keeps one effect per event id, as one with a unique key does. */
export async function application(
  answer: (seen: Seen) => Answer | Promise<Answer> = () => ({ status: 200 }),
) {
  const seen: Seen[] = [];
  const effects = new Map<string, number>();
  let open = 0;
  const server = createServer(async (incoming, response) => {
    open += 1;
    response.on('close', () => {
      open -= 1;
    });
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const header = (name: string) => String(incoming.headers[name] ?? '');
    const one: Seen = {
      id: header(wire.eventId),
      attempt: Number(header(wire.attempt)),
      epoch: Number(header(wire.epoch)),
      source: header(wire.eventSource),
      body: Buffer.concat(chunks).toString('utf8'),
      headers: incoming.headers,
    };
    seen.push(one);
    const { status, headers = {} } = await answer(one);
    if (status >= 200 && status < 300) effects.set(one.id, (effects.get(one.id) ?? 0) + 1);
    response.writeHead(status, headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    effects,
    open: () => open,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function stripeEvent(id: string, key = secret) {
  const body = JSON.stringify({ id, object: 'event', type: 'payment_intent.succeeded', data: {} });
  const signature = Stripe.webhooks.generateTestHeaderString({ payload: body, secret: key });
  return { body, headers: { 'content-type': 'application/json', 'stripe-signature': signature } };
}

export async function post(
  url: string,
  event: { body: string | Buffer; headers: Record<string, string> },
  dispatcher?: Agent,
) {
  const answer = await request(url, {
    method: 'POST',
    ...event,
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  const json = (await answer.body.json()) as {
    accepted?: boolean;
    duplicate?: boolean;
    error?: { code: string };
  };
  return { status: answer.statusCode, headers: answer.headers, json };
}

export async function eventsOf(adminUrl: string, query = ''): Promise<GatewayEvent[]> {
  const answer = await request(`${adminUrl}/v1/gateway/events?limit=1000${query}`);
  return ((await answer.body.json()) as { events: GatewayEvent[] }).events;
}

/** Waits until the condition holds; the test's own timeout is the bound. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(5);
}

export function temporaryDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'throwover-gateway-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * A configuration with scaled pauses between retries, so that a test sees many; everything else is
 * the default.
 */
export function gatewayConfig(dataDir: string, deliverTo: string | null) {
  return {
    region: 'east',
    port: 0,
    adminPort: 0,
    dataDir,
    sources: {
      stripe: { scheme: 'stripe', secret: 'env:STRIPE_SECRET', path: '/webhooks/stripe' },
      plain: { scheme: 'none', path: '/webhooks/plain' },
    },
    initial: deliverTo === null ? null : { region: 'east', url: deliverTo, epoch: 1 },
    timeScale: 1_000,
  };
}
