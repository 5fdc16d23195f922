import { connect, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpGateway } from '../providers/http/gateway.ts';
import { expectEveryCall } from '../wire/wire.fixture.ts';
import {
  type Answer,
  application,
  eventsOf,
  gatewayConfig,
  post,
  type Seen,
  stripeEvent,
  temporaryDirectory,
  until,
} from './gateway.fixture.ts';
import { type RunningGateway, startGateway } from './gateway.ts';

type Overrides = Partial<ReturnType<typeof gatewayConfig>> & Record<string, unknown>;

describe('a gateway', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let cleanUp: (() => Promise<void>)[];
  let senders: Agent;

  beforeEach(() => {
    directory = temporaryDirectory();
    senders = new Agent({ connections: 64 });
    cleanUp = [() => senders.close()];
  });
  afterEach(async () => {
    for (const step of cleanUp.reverse()) await step();
    directory.remove();
  });

  async function receiver(answer?: (seen: Seen) => Answer | Promise<Answer>) {
    const app = await application(answer);
    cleanUp.push(app.close);
    return app;
  }

  async function gateway(deliverTo: string | null, overrides: Overrides = {}) {
    const started = await startGateway(
      { ...gatewayConfig(directory.path, deliverTo), ...overrides },
      { env: { STRIPE_SECRET: 'whsec_of_the_tests' }, log: () => undefined },
    );
    cleanUp.push(() => closeOnce(started));
    return {
      ...started,
      control: httpGateway({ region: 'east', url: started.adminUrl }),
      stripe: `${started.url}/in/stripe`,
    };
  }

  const closed = new WeakSet<RunningGateway>();
  async function closeOnce(started: RunningGateway) {
    if (closed.has(started)) return;
    closed.add(started);
    await started.close();
  }

  it('verifies, journals, delivers the original body, and keeps time and position', async () => {
    const position = '00000002/0000000003A1B2C8';
    const app = await receiver(() => ({
      status: 200,
      headers: { 'throwover-position': position, 'throwover-region': 'west' },
    }));
    const { stripe, control, adminUrl } = await gateway(app.url);
    const event = stripeEvent('evt_1');
    expect((await post(stripe, event)).json).toEqual({ accepted: true, duplicate: false });
    await until(async () => (await control.status()).delivered === 1);
    expect(app.seen).toMatchObject([
      { id: 'evt_1', source: 'stripe', attempt: 1, epoch: 1, body: event.body },
    ]);
    expect(app.seen[0]?.headers['stripe-signature']).toBe(event.headers['stripe-signature']);
    const [kept] = await eventsOf(adminUrl);
    expect(kept).toMatchObject({
      state: 'delivered',
      position,
      region: 'west',
      epoch: 1,
      attempts: 1,
    });
    expect(kept?.endedMs).toBeGreaterThanOrEqual(kept?.receivedMs ?? Number.NaN);
  });

  it('refuses a signature that is wrong, missing or old, and counts it', async () => {
    const { stripe, adminUrl } = await gateway(null);
    const wrong = stripeEvent('evt_1', 'whsec_other');
    const old = stripeEvent('evt_2');
    const stale = old.headers['stripe-signature'].replace(/t=\d+/, 't=1000000000');
    for (const [body, signature] of [
      [wrong.body, wrong.headers['stripe-signature']],
      [old.body, ''],
      [old.body, stale],
      [`${old.body} `, old.headers['stripe-signature']],
    ] as const) {
      const answer = await post(stripe, { body, headers: { 'stripe-signature': signature } });
      expect([answer.status, answer.json.error?.code]).toEqual([400, 'webhook-signature-refused']);
    }
    const status = await (await request(`${adminUrl}/v1/gateway`)).body.json();
    expect(status).toMatchObject({ accepted: 0, sources: { stripe: { signatureRefused: 4 } } });
  });

  it("passes on the signature of the source's scheme, and no header of another scheme", async () => {
    const app = await receiver();
    const sources = {
      stripe: { scheme: 'stripe', secret: 'env:STRIPE_SECRET', path: '/' },
      plain: { scheme: 'none', path: '/' },
    };
    const { url, stripe, control } = await gateway(app.url, { sources } as unknown as Overrides);
    const event = stripeEvent('evt_1');
    await post(stripe, event);
    await post(`${url}/in/plain`, { ...event, body: JSON.stringify({ id: 'evt_2' }) });
    await until(async () => (await control.status()).delivered === 2);
    const signed = app.seen.map(({ source, headers }) => [source, headers['stripe-signature']]);
    expect(Object.fromEntries(signed)).toEqual({
      stripe: event.headers['stripe-signature'],
      plain: undefined,
    });
  });

  it('answers an unknown source 404, a large body 413, an event without id 400', async () => {
    const { url } = await gateway(null);
    const codes = async (path: string, body: string | Buffer) => {
      const { status, json } = await post(`${url}${path}`, { body, headers: {} });
      return [status, json.error?.code];
    };
    expect(await codes('/in/nobody', '{}')).toEqual([404, 'webhook-source-unknown']);
    expect(await codes('/', '{}')).toEqual([404, 'webhook-source-unknown']);
    expect(await codes('/in/plain', '{"a":1}')).toEqual([400, 'webhook-without-id']);
    expect(await codes('/in/plain', 'not json')).toEqual([400, 'webhook-without-id']);
    expect(await codes('/in/plain', Buffer.alloc(2 ** 20 + 1))).toEqual([413, 'webhook-too-large']);
    const chunked = await request(`${url}/in/plain`, {
      method: 'POST',
      body: Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(100_000))),
    });
    expect(chunked.statusCode).toBe(413);
  });

  it('refuses strangers who send many large bodies at once, and takes events meanwhile', async () => {
    const { url, stripe } = await gateway(null);
    const bytes = 2 ** 20;
    const strangers = Array.from({ length: 150 }, () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      cleanUp.push(async () => void socket.destroy());
      socket.on('error', () => {});
      socket.write(`POST /in/stripe HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`);
      socket.write(Buffer.alloc(bytes - 1, '{'));
      return socket;
    });
    // 64 MB hold 68 of them beyond their small part; the others are told to come again.
    const refusals: string[] = [];
    for (const socket of strangers) socket.once('data', (data) => refusals.push(`${data}`));
    await until(() => refusals.length >= strangers.length - 68);
    for (const refusal of refusals) {
      expect(refusal).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 5[\s\S]*"gateway-busy"/);
    }
    expect((await post(stripe, stripeEvent('evt_meanwhile'), senders)).status).toBe(200);
    const large = {
      body: JSON.stringify({ id: 'evt_large', pad: 'x'.repeat(900_000) }),
      headers: {},
    };
    await until(async () => (await post(`${url}/in/plain`, large, senders)).status === 503);
    for (const socket of strangers) socket.destroy();
    await until(async () => (await post(`${url}/in/plain`, large, senders)).status === 200);
  });

  it('takes 200 posts of one id at once as one event, delivered once', async () => {
    const app = await receiver();
    const { stripe, control, adminUrl } = await gateway(app.url);
    const event = stripeEvent('evt_raced');
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => post(stripe, event, senders)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 200 }, () => 200));
    expect(answers.filter(({ json }) => json.duplicate === false)).toHaveLength(1);
    await post(stripe, stripeEvent('evt_after'));
    await until(async () => (await control.status()).delivered === 2);
    expect(await eventsOf(adminUrl)).toHaveLength(2);
    expect(app.seen.map(({ id }) => id)).toEqual(['evt_raced', 'evt_after']);
  });

  it('delivers in arrival order, strictly when one at a time is asked for', async () => {
    const app = await receiver();
    const { stripe, control } = await gateway(null, { delivery: { concurrency: 1 } });
    const ids = Array.from({ length: 60 }, (_, i) => `evt_${i}`);
    for (const id of ids) await post(stripe, stripeEvent(id), senders);
    expect((await control.status()).backlog).toBe(60);
    await control.set({ mode: 'deliver', epoch: 1, region: 'east', url: app.url }, 1);
    await until(async () => (await control.status()).delivered === 60);
    expect(app.seen.map(({ id }) => id)).toEqual(ids);
  });

  it('tries again what was refused, then keeps it as a dead letter with its reason (A3)', async () => {
    const app = await receiver(({ id, attempt }) => {
      if (id === 'evt_poison') return { status: 500 };
      return { status: id === 'evt_slow' && attempt < 3 ? 500 : 200 };
    });
    const { stripe, control, adminUrl } = await gateway(app.url, { delivery: { maxRefusals: 4 } });
    for (const id of ['evt_poison', 'evt_slow', 'evt_good']) await post(stripe, stripeEvent(id));
    await until(async () => (await control.status()).backlog === 0);
    expect(await control.status()).toMatchObject({
      accepted: 3,
      delivered: 2,
      deadLetters: 1,
      oldestMs: null,
    });
    expect(await eventsOf(adminUrl, '&state=dead')).toMatchObject([
      { id: 'evt_poison', refusals: 4, attempts: 4, reason: 'east answered 500 (refusal 4)' },
    ]);
    const attempts = (id: string) =>
      app.seen.filter((seen) => seen.id === id).map(({ attempt }) => attempt);
    expect(attempts('evt_poison')).toEqual([1, 2, 3, 4]);
    expect(attempts('evt_slow')).toEqual([1, 2, 3]);
  });

  it('does not hold an outage against events, and resumes in order when the door is back', async () => {
    let away = true;
    const app = await receiver(() => ({ status: away ? 503 : 200 }));
    const { stripe, control, adminUrl } = await gateway(app.url, { delivery: { maxRefusals: 2 } });
    const ids = Array.from({ length: 30 }, (_, i) => `evt_${i}`);
    for (const id of ids) await post(stripe, stripeEvent(id), senders);
    // Far more attempts than the allowed number of refusals.
    await until(() => app.seen.length > 40);
    expect(await control.status()).toMatchObject({ backlog: 30, deadLetters: 0 });
    const before = app.seen.length;
    away = false;
    await until(async () => (await control.status()).delivered === 30);
    expect((await eventsOf(adminUrl)).every(({ refusals }) => refusals === 0)).toBe(true);
    // The first one through was the probe; the rest follows in arrival order, within the concurrency.
    const order = app.seen.slice(before + 1).map(({ id }) => ids.indexOf(id));
    order.forEach((index, at) => {
      expect(Math.max(...order.slice(0, at), 0) - index).toBeLessThan(4);
    });
  });

  it('finds the event that kills its handler, although it looks like an outage', async () => {
    const app = await receiver(({ id }) => ({ status: id === 'evt_killer' ? 502 : 200 }));
    const { stripe, control, adminUrl } = await gateway(app.url, {
      delivery: { maxRefusals: 3, concurrency: 1 },
    });
    await post(stripe, stripeEvent('evt_killer'));
    let sent = 0;
    await until(async () => {
      await post(stripe, stripeEvent(`evt_${sent++}`), senders);
      return (await control.status()).deadLetters === 1;
    });
    expect(await eventsOf(adminUrl, '&state=dead')).toMatchObject([{ id: 'evt_killer' }]);
    await until(async () => (await control.status()).backlog === 0);
    expect(app.effects.size).toBe(sent);
  });

  it('has nothing in flight once hold is answered, under load, and starts nothing', async () => {
    const app = await receiver(async () => {
      await new Promise((resolve) => setTimeout(resolve, 3));
      return { status: 200 };
    });
    const { stripe, control } = await gateway(app.url, { delivery: { concurrency: 16 } });
    let sending = true;
    let sent = 0;
    const load = Array.from({ length: 8 }, async () => {
      while (sending) await post(stripe, stripeEvent(`evt_${sent++}`), senders);
    });
    for (let round = 1; round <= 10; round++) {
      const target = app.seen.length + 30;
      await until(() => app.seen.length >= target);
      const held = await control.set({ mode: 'hold', epoch: round }, round);
      const atAnswer = { seen: app.seen.length, effects: app.effects.size };
      expect(held).toMatchObject({ inFlight: 0, current: { mode: 'hold', epoch: round } });
      const accepted = held.accepted;
      await until(async () => (await control.status()).accepted > accepted + 20);
      expect({ seen: app.seen.length, effects: app.effects.size }).toEqual(atAnswer);
      await control.set({ mode: 'deliver', epoch: round, region: 'east', url: app.url }, round);
    }
    sending = false;
    await Promise.all(load);
    await until(async () => (await control.status()).backlog === 0);
    expect([...app.effects.values()]).toEqual(Array.from({ length: sent }, () => 1));
  });

  it('cuts off what does not end in time when told to hold, and delivers it again', async () => {
    let release = () => {};
    const hanging = new Promise<void>((resolve) => {
      release = resolve;
    });
    const east = await receiver(async () => {
      await hanging;
      return { status: 200 };
    });
    const west = await receiver();
    const { stripe, control, adminUrl } = await gateway(east.url, { delivery: { drainMs: 50 } });
    await post(stripe, stripeEvent('evt_1'));
    await until(() => east.seen.length === 1);
    expect(await control.set({ mode: 'hold', epoch: 1 }, 5)).toMatchObject({
      inFlight: 0,
      backlog: 1,
    });
    await until(() => east.open() === 0);
    await control.set({ mode: 'deliver', epoch: 2, region: 'west', url: west.url }, 5);
    await until(async () => (await control.status()).delivered === 1);
    release();
    expect(west.seen).toMatchObject([{ id: 'evt_1', attempt: 2, epoch: 2 }]);
    expect(await eventsOf(adminUrl)).toMatchObject([{ attempts: 2, refusals: 0, region: 'west' }]);
  });

  it('refuses an older epoch or token, over a restart too (A1)', async () => {
    const app = await receiver();
    const first = await gateway(app.url);
    await first.control.set({ mode: 'deliver', epoch: 4, region: 'west', url: app.url }, 9);
    await closeOnce(first);
    const { control } = await gateway(app.url);
    const current = { mode: 'deliver', epoch: 4, region: 'west' };
    expect((await control.status()).current).toMatchObject(current);
    for (const [epoch, token] of [
      [3, 9],
      [4, 8],
      [5, 8],
      // A controller's hold after its own delivery is a late copy.
      [4, 9],
    ] as const) {
      await expect(control.set({ mode: 'hold', epoch }, token)).rejects.toMatchObject({
        code: 'gateway-refused',
        disposition: 'stop',
      });
    }
    expect((await control.status()).current).toMatchObject(current);
    expect((await control.set({ mode: 'hold', epoch: 4 }, 10)).current).toEqual({
      mode: 'hold',
      epoch: 4,
    });
  });

  it('resumes after a restart with what was not delivered, before anybody tells it', async () => {
    const app = await receiver();
    const first = await gateway(null);
    for (const id of ['evt_1', 'evt_2']) await post(first.stripe, stripeEvent(id));
    await closeOnce(first);
    const second = await gateway(app.url, { port: 0 });
    await until(async () => (await second.control.status()).delivered === 2);
    expect(app.seen.map(({ id }) => id)).toEqual(['evt_1', 'evt_2']);
    expect((await post(second.stripe, stripeEvent('evt_1'))).json.duplicate).toBe(true);
  });

  it('answers 503 with Retry-After when its disk is full, says so, and lost nothing it accepted', async () => {
    const first = await gateway(null, { journalMaxBytes: 131_072 });
    const padded = (id: string) => ({
      body: JSON.stringify({ id, pad: 'x'.repeat(4_000) }),
      headers: {},
    });
    const kept: string[] = [];
    let answer = await post(`${first.url}/in/plain`, padded('evt_0'));
    for (let i = 0; answer.status === 200; i++) {
      kept.push(`evt_${i}`);
      answer = await post(`${first.url}/in/plain`, padded(`evt_${i + 1}`));
    }
    expect([answer.status, answer.json.error?.code]).toEqual([503, 'gateway-journal-stopped']);
    expect(answer.headers['retry-after']).toBeDefined();
    expect((await post(first.stripe, stripeEvent('evt_small'))).status).toBe(503);
    const status = await (await request(`${first.adminUrl}/v1/gateway`)).body.json();
    expect(status).toMatchObject({ journal: { state: 'stopped' }, accepted: kept.length });
    await expect(first.control.set({ mode: 'hold', epoch: 9 }, 9)).rejects.toMatchObject({
      code: 'gateway-journal-stopped',
    });
    await closeOnce(first);
    const app = await receiver();
    const second = await gateway(app.url);
    await until(async () => (await second.control.status()).backlog === 0);
    expect([...app.effects.keys()].sort()).toEqual(kept.sort());
  });

  it('says what is wrong with its configuration, its secret, its port, its commands', async () => {
    const start = (overrides: Overrides, env = {}) =>
      startGateway(
        { ...gatewayConfig(directory.path, null), ...overrides },
        { env, log: () => undefined },
      );
    const env = { STRIPE_SECRET: 'x' };
    await expect(start({ retentionHours: 71 }, env)).rejects.toMatchObject({
      code: 'gateway-config-invalid',
      message: expect.stringContaining('retentionHours'),
    });
    await expect(
      start({ delivery: { retryBaseMs: 10, retryCapMs: 5 } }, env),
    ).rejects.toMatchObject({
      code: 'gateway-config-invalid',
    });
    await expect(start({})).rejects.toMatchObject({ code: 'secret-missing' });
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => new Promise<void>((resolve) => taken.close(() => resolve())));
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(start({ port }, env)).rejects.toMatchObject({ code: 'gateway-port-taken' });
    for (const elsewhere of [{ host: '192.0.2.1' }, { adminHost: '192.0.2.1' }]) {
      const code = 'gateway-listen-failed';
      await expect(start({ ...elsewhere, insecure: true }, env)).rejects.toMatchObject({ code });
    }
    await expect(start({ adminHost: '192.0.2.1' }, env)).rejects.toMatchObject({
      code: 'listen-unprotected',
    });
    const { adminUrl } = await gateway(null);
    await expectEveryCall(adminUrl);
    const bad = await request(`${adminUrl}/v1/gateway/mode`, { method: 'PUT', body: '{"mode":1}' });
    expect(bad.statusCode).toBe(400);
    expect(await bad.body.json()).toMatchObject({ code: 'gateway-request-invalid' });
    await expect(
      httpGateway({ region: 'east', url: `http://127.0.0.1:${port + 1}` }).status(),
    ).rejects.toMatchObject({ code: 'gateway-unreachable', disposition: 'retry' });
  });
});
