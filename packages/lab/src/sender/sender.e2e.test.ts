import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'dns-packet';
import Stripe from 'stripe';
import { systemClock } from 'throwover/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { webhookRecord } from './config.ts';

const secret = 'whsec_of_the_tests';
const program = fileURLToPath(new URL('./sender.ts', import.meta.url));

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(10);
}

describe('the sender', () => {
  let cleanUp: (() => Promise<unknown>)[] = [];
  let sender: { child: ChildProcess; url: string };

  beforeEach(async () => {
    const config = { host: '127.0.0.1', port: 0, timeScale: 100_000, seed: 42, secret };
    const child = spawn(
      process.execPath,
      ['--conditions=throwover-source', program, JSON.stringify(config)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    cleanUp = [
      async () => {
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        expect(await exited).toEqual([0, null]);
      },
    ];
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    sender = { child, url: (JSON.parse(String(line)) as { url: string }).url };
  });
  afterEach(async () => {
    for (const step of cleanUp.reverse()) await step();
  });

  /** Verifies each attempt with Stripe's own library; answers with `status`. */
  async function endpoint(
    status: (id: string, attempt: number) => number,
    host = '127.0.0.1',
    onPort = 0,
  ) {
    const events: Stripe.Event[] = [];
    const ports = new Set<number | undefined>();
    const attempts = new Map<string, number>();
    const hosts = new Set<string>();
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const signature = String(request.headers['stripe-signature']);
      const event = Stripe.webhooks.constructEvent(Buffer.concat(chunks), signature, secret);
      const attempt = (attempts.get(event.id) ?? 0) + 1;
      attempts.set(event.id, attempt);
      events.push(event);
      ports.add(request.socket.remotePort);
      hosts.add(request.headers.host ?? '');
      response.writeHead(status(event.id, attempt)).end();
    });
    await new Promise<void>((resolve) => server.listen(onPort, host, resolve));
    cleanUp.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    return { url: `http://${host}:${port}/in/stripe`, port, events, attempts, ports, hosts };
  }

  async function command(path: 'start' | 'stop' | 'end', body?: unknown) {
    const answer = await fetch(`${sender.url}/__lab/${path}`, {
      method: 'POST',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.status;
  }

  async function records() {
    return z.array(webhookRecord).parse(await (await fetch(`${sender.url}/__lab/records`)).json());
  }

  const stripe = () => {
    const { hostname, port } = new URL(sender.url);
    return new Stripe('sk_test_lab', { host: hostname, port, protocol: 'http', telemetry: false });
  };

  it("signs so that Stripe's library verifies, retries what failed, and stops on 2xx", async () => {
    const gateway = await endpoint((_, attempt) => (attempt < 3 ? 503 : 200));
    const target = { kind: 'gateways', urls: [gateway.url] };
    expect(await command('start', { ratePerSecond: 50, seed: 1, target })).toBe(200);
    expect(await command('start', { ratePerSecond: 50, seed: 1, target })).toBe(409);
    await until(() => gateway.attempts.size >= 20);
    await command('stop');
    const made = (await records()).length;
    await until(async () => (await records()).every(({ state }) => state === 'delivered'));
    const all = await records();
    expect(all).toHaveLength(made);
    expect(new Set(all.map(({ id }) => id)).size).toBe(made);
    for (const { attempts } of all)
      expect(attempts.map(({ status }) => status)).toEqual([503, 503, 200]);
    expect(gateway.ports.size).toBe(3 * made);
    const object = gateway.events[0]?.data.object as Stripe.PaymentIntent;
    expect(object.metadata['order_key']).toMatch(/^order_/);
  });

  it('tries the other gateway after no connection or a 5xx, stays after a 4xx, and gives up in the end', async () => {
    const dead = await endpoint(() => 200);
    const closed = cleanUp.pop();
    await closed?.();
    const failing = await endpoint(() => 500);
    const refusing = await endpoint(() => 400);
    await command('start', {
      ratePerSecond: 100,
      target: { kind: 'gateways', urls: [dead.url, failing.url, refusing.url] },
    });
    await until(async () => (await records()).length >= 3);
    await command('stop');
    await until(async () => (await records()).every(({ state }) => state === 'gave-up'));
    for (const { attempts } of await records()) {
      expect(attempts.map(({ status }) => status)).toEqual([0, 500, ...Array(8).fill(400)]);
    }
  });

  it('looks the name up for every attempt, through its resolver', async () => {
    const east = await endpoint(() => 503, '127.0.0.1');
    const west = await endpoint(() => 200, '127.0.0.2', east.port);
    let address = '127.0.0.1';
    let questions = 0;
    const resolver = createSocket('udp4');
    resolver.on('message', (message, peer) => {
      const query = decode(message);
      questions += 1;
      const name = query.questions?.[0]?.name ?? '';
      const answers = [{ type: 'A', name, ttl: 60, data: address }] as const;
      resolver.send(
        encode({ ...query, type: 'response', answers: [...answers] }),
        peer.port,
        peer.address,
      );
    });
    await new Promise<void>((resolve) => resolver.bind(0, '127.0.0.1', resolve));
    cleanUp.push(() => new Promise<void>((resolve) => resolver.close(() => resolve())));
    await command('start', {
      ratePerSecond: 20,
      target: {
        kind: 'dns',
        name: 'checkout.example.test',
        port: east.port,
        path: '/webhooks/stripe',
        resolver: `127.0.0.1:${resolver.address().port}`,
      },
    });
    await until(() => east.events.length >= 3);
    address = '127.0.0.2';
    await command('stop');
    await until(async () => (await records()).every(({ state }) => state === 'delivered'));
    const tried = (await records()).flatMap(({ attempts }) => attempts).length;
    expect(questions).toBe(tried);
    expect(west.events.length).toBe((await records()).length);
    expect([...west.hosts]).toEqual([`checkout.example.test:${east.port}`]);
  });

  it("lists its events to Stripe's own library, by pages, in both directions, by delivery", async () => {
    // Every second event, by its id, never gets a 2xx.
    const gateway = await endpoint((id) =>
      (id.codePointAt(id.length - 1) ?? 0) % 2 === 0 ? 200 : 503,
    );
    await command('start', {
      ratePerSecond: 200,
      target: { kind: 'gateways', urls: [gateway.url] },
    });
    await until(
      async () => (await records()).filter(({ state }) => state === 'delivered').length >= 15,
    );
    await command('end');
    const all = await records();
    const newestFirst = all.map(({ id }) => id).reverse();
    const listed: string[] = [];
    for await (const event of stripe().events.list({ limit: 7 })) listed.push(event.id);
    expect(listed).toEqual(newestFirst);

    const failed = await stripe().events.list({ delivery_success: false, limit: 100 });
    const expected = all.filter(({ state }) => state !== 'delivered').map(({ id }) => id);
    expect(expected.length).toBeGreaterThan(0);
    expect(failed.data.map(({ id }) => id)).toEqual(expected.reverse());

    const cursor = newestFirst[10] ?? '';
    const newer: string[] = [];
    for await (const event of stripe().events.list({ ending_before: cursor, limit: 3 }))
      newer.push(event.id);
    expect(newer).toEqual(newestFirst.slice(0, 10).reverse());

    const future = Math.floor(systemClock.wallMs() / 1_000) + 60;
    expect((await stripe().events.list({ created: { gte: future } })).data).toEqual([]);
    expect((await stripe().events.list({ created: { gte: future - 3_600 } })).data).toHaveLength(
      10,
    );
    expect((await stripe().events.retrieve(cursor)).id).toBe(cursor);
    await expect(stripe().events.list({ starting_after: 'evt_unknown' })).rejects.toThrow(
      'No such event',
    );
    expect((await fetch(`${sender.url}/v1/events`)).status).toBe(401);
  });
});
