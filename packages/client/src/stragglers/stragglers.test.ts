import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { machineClock } from '../clock.ts';
import { createForwarding, type Forwarding, type Straggler } from './forwarding.ts';
import { lambdaForwarding } from './lambda.ts';
import { expressForwarding, type FastifyRawHook, fastifyForwarding } from './middleware.ts';
import { fileStanding, httpStanding, type Standing } from './standing.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listen(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const tell: RequestListener = (req, res) => {
  res.setHeader('set-cookie', ['a=1', 'b=2']);
  res.setHeader('throwover-duration', '0.5');
  res.end(JSON.stringify({ url: req.url, method: req.method, headers: req.headers }));
};

const forward = (url: string, epoch = 2): Standing => ({
  mode: 'forward',
  epoch,
  region: 'west',
  url,
});

/** East's application, as Express would run it, with a standing that the test changes. */
async function east(first: Standing) {
  let standing = first;
  const stragglers: Straggler[] = [];
  const forwarding = createForwarding({
    region: 'east',
    look: async () => standing,
    everyMs: 0,
    onStraggler: (straggler) => void stragglers.push(straggler),
  });
  ends.push(() => forwarding.close());
  const middleware = expressForwarding(forwarding);
  const { url } = await listen((req, res) => middleware(req, res, () => res.end('east')));
  return { url, forwarding, stragglers, stand: (next: Standing) => (standing = next) };
}

async function ask(
  url: string,
  options: { agent?: Agent; headers?: Record<string, string>; body?: string; method?: string } = {},
) {
  const { agent, headers = {}, body, method = 'GET' } = options;
  const out = request(url, {
    method,
    headers,
    ...(agent === undefined ? { agent: false } : { agent }),
  });
  out.end(body);
  const [answer] = (await once(out, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

describe('in an application like Express', () => {
  test('an active region serves; one that is not forwards what comes, as it came', async () => {
    const west = await listen(tell);
    const { url, stand, forwarding, stragglers } = await east({ mode: 'serve', epoch: 1 });
    expect((await ask(url)).body).toBe('east');
    stand(forward(`${west.url}/base`));
    const answer = await ask(`${url}/a%2Fb?c=%20`, {
      method: 'PATCH',
      body: 'body',
      headers: { host: 'shop.example.test', 'user-agent': 'curl/8', connection: 'x', x: '1' },
    });
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'throwover-region': 'west',
        'throwover-epoch': '2',
        connection: 'close',
        'set-cookie': ['a=1', 'b=2'],
      },
    });
    const seen = JSON.parse(answer.body);
    expect(seen).toMatchObject({
      url: '/base/a%2Fb?c=%20',
      method: 'PATCH',
      headers: {
        host: 'shop.example.test',
        'throwover-forwarded': 'east@2',
        'x-forwarded-for': '127.0.0.1',
        'content-length': '4',
      },
    });
    expect(seen.headers.x).toBeUndefined();
    expect(forwarding.counts).toMatchObject({ forwarded: 1, refused: 0, underWay: 0 });
    expect(stragglers).toMatchObject([
      { cause: 'unknown', address: '127.0.0.1', userAgent: 'curl/8', outcome: 'forwarded' },
    ]);
    expect(stragglers[0]?.addedMs).toBeGreaterThan(-0.5);
  });

  test('a connection from before is a pinned one, and is closed after its answer', async () => {
    const west = await listen(tell);
    const { url, stand, forwarding } = await east({ mode: 'serve', epoch: 1 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    ends.push(() => agent.destroy());
    await ask(url, { agent });
    stand(forward(west.url));
    await ask(url);
    expect((await ask(url, { agent })).headers.connection).toBe('close');
    await ask(url, { agent });
    expect(forwarding.counts.byCause).toEqual({ 'pinned-connection': 1, unknown: 2 });
  });

  test('a large body streams through, both ways, unharmed', async () => {
    const west = await listen((req, res) => void pipeline(req, res));
    const { url } = await east(forward(west.url));
    const block = Buffer.from(Array.from({ length: 65_536 }, (_, i) => i * 31));
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    const out = request(url, { method: 'POST', agent: false });
    const answered = once(out, 'response');
    await pipeline(function* () {
      for (let i = 0; i < 64; i++) {
        sent.update(block);
        yield block;
      }
    }, out);
    const [answer] = await answered;
    for await (const chunk of answer) received.update(chunk);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  test('refused: a loop, an upgrade, nobody there, an answer that never came, too many', async () => {
    const { url, stand, forwarding } = await east({ mode: 'serve', epoch: 1 });
    const codeOf = async (headers: Record<string, string> = {}, body?: string) => {
      const method = body === undefined ? 'GET' : 'POST';
      const answer = await ask(url, { method, headers, ...(body === undefined ? {} : { body }) });
      return [answer.status, JSON.parse(answer.body).code, answer.headers['retry-after']];
    };
    const west = await listen(tell);
    stand(forward(west.url, 3));
    expect(await codeOf({ 'throwover-forwarded': 'west@3' })).toEqual([
      508,
      'door-loop',
      undefined,
    ]);
    expect(await codeOf({ 'throwover-forwarded': 'east@2' })).toEqual([
      508,
      'door-loop',
      undefined,
    ]);
    expect((await ask(url, { headers: { 'throwover-forwarded': 'west@2' } })).status).toBe(200);
    const upgrade = { connection: 'upgrade', upgrade: 'websocket' };
    expect(await codeOf(upgrade)).toEqual([503, 'door-upgrade', '1']);
    const gone = await listen(() => {});
    await new Promise((resolve) => gone.server.close(resolve));
    stand(forward(gone.url, 4));
    expect(await codeOf({}, 'order')).toEqual([503, 'door-no-upstream', '1']);
    const failing = await listen((req) => void req.socket.destroy());
    stand(forward(failing.url, 5));
    expect(await codeOf({}, 'order')).toEqual([502, 'door-upstream-failed', '1']);
    expect(forwarding.counts).toMatchObject({ forwarded: 1, refused: 5, underWay: 0 });
  });

  test('a client that leaves takes its request to the active region with it', async () => {
    const arrived = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const slow = await listen((_, res) => {
      res.once('close', left.resolve);
      arrived.resolve();
    });
    const { url } = await east(forward(slow.url));
    const out = request(url, { agent: false }).end();
    out.on('error', () => {});
    await arrived.promise;
    out.destroy();
    await left.promise;
  });
});

test('in an application like Fastify the hook takes the answer before the framework does', async () => {
  const west = await listen(tell);
  let standing: Standing = { mode: 'serve', epoch: 1 };
  const forwarding = createForwarding({ region: 'east', look: async () => standing, everyMs: 0 });
  const hooks: FastifyRawHook[] = [];
  const ends: (() => Promise<void>)[] = [];
  const plugin = fastifyForwarding(forwarding);
  expect(Reflect.get(plugin, Symbol.for('skip-override'))).toBe(true);
  const addHook = (name: string, hook: unknown) => {
    if (name === 'onRequest') hooks.push(hook as FastifyRawHook);
    else ends.push(hook as () => Promise<void>);
  };
  plugin({ addHook }, {}, () => {});
  let hijacked = 0;
  const { url } = await listen(async (raw: IncomingMessage, out: ServerResponse) => {
    const reply = { raw: out, hijack: () => (hijacked += 1) };
    const [hook] = hooks;
    const answer = await hook?.({ raw }, reply);
    if (answer === undefined) out.end('east');
    else expect(answer).toBe(reply);
  });
  expect([(await ask(url)).body, hijacked]).toEqual(['east', 0]);
  standing = forward(west.url);
  expect((await ask(url)).headers['throwover-region']).toBe('west');
  expect(hijacked).toBe(1);
  expect(ends).toHaveLength(1);
  for (const end of ends) await end();
});

describe('before a function URL', () => {
  const event = (more: object = {}) => ({
    version: '2.0',
    rawPath: '/orders/a%2Fb',
    rawQueryString: 'limit=2',
    headers: { host: 'fn.example.test', 'user-agent': 'curl/8' },
    cookies: ['c=1', 'd=2'],
    requestContext: { http: { method: 'POST', sourceIp: '192.0.2.7' } },
    body: Buffer.from([0, 255]).toString('base64'),
    isBase64Encoded: true,
    ...more,
  });

  test('requests go on and come back whole; other events are the application’s', async () => {
    const west = await listen((req, res) => {
      res.setHeader('x-seen', JSON.stringify([req.url, req.method, req.headers]));
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      void pipeline(req, res);
    });
    const stragglers: Straggler[] = [];
    const handler = lambdaForwarding({
      region: 'east',
      look: async () => forward(west.url),
      onStraggler: (straggler) => void stragglers.push(straggler),
    })((_: object, context: string) => `application ${context}`);
    const result = await handler(event(), 'context');
    expect(result).toMatchObject({
      statusCode: 200,
      headers: { 'throwover-region': 'west', 'throwover-epoch': '2' },
      cookies: ['a=1', 'b=2'],
      body: Buffer.from([0, 255]).toString('base64'),
      isBase64Encoded: true,
    });
    const { headers } = result as { headers: Record<string, string> };
    expect(JSON.parse(headers['x-seen'] ?? '')).toEqual([
      '/orders/a%2Fb?limit=2',
      'POST',
      expect.objectContaining({
        host: 'fn.example.test',
        cookie: 'c=1; d=2',
        'x-forwarded-for': '192.0.2.7',
        'throwover-forwarded': 'east@2',
        'content-length': '2',
      }),
    ]);
    expect(stragglers).toMatchObject([{ outcome: 'forwarded', address: '192.0.2.7' }]);
    expect(await handler({ Records: [] }, 'context')).toBe('application context');
    const looped = { headers: { 'Throwover-Forwarded': 'west@2' } };
    expect(await handler(event(looped), '')).toMatchObject({ statusCode: 508 });
  });

  test('an active region serves, and an answer that is too large for Lambda is 502', async () => {
    let standing: Standing = { mode: 'serve', epoch: 1 };
    const large = await listen((_, res) => res.end(Buffer.alloc(5 * 1024 * 1024)));
    const wrapped = lambdaForwarding({ region: 'east', look: async () => standing, everyMs: 0 });
    const handler = wrapped(async () => 'application');
    expect(await handler(event(), null)).toBe('application');
    standing = forward(large.url);
    expect(await handler(event(), null)).toMatchObject({ statusCode: 502 });
  });
});

describe('a standing', () => {
  const current = (forwarding: Forwarding) => forwarding.standing();

  test('comes from a file in any of the shapes that doors have, and a file that is not there changes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'throwover-standing-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'door.json');
    expect(await fileStanding(path)()).toBeNull();
    const west = { mode: 'forward', epoch: 2, region: 'west', url: 'http://127.0.0.1:9' };
    for (const shape of [
      west,
      { current: west, inFlight: 0 },
      { mode: west, epoch: 2, token: 1 },
    ]) {
      writeFileSync(path, JSON.stringify(shape));
      expect(await fileStanding(path)()).toEqual(west);
    }
    writeFileSync(path, JSON.stringify({ mode: 'hold', epoch: 3, maxMs: 1 }));
    expect(await fileStanding(path)()).toEqual({ mode: 'serve', epoch: 3 });
    for (const wrong of ['[]', '{"mode":"forward","epoch":1}', '{"mode":"serve"}', '{']) {
      writeFileSync(path, wrong);
      await expect(fileStanding(path)()).rejects.toThrow();
    }
  });

  test('comes from a URL, never goes back to an older epoch, and stays when its source is away', async () => {
    let answer: object = { current: { mode: 'serve', epoch: 3 } };
    const door = await listen((_, res) => res.end(JSON.stringify(answer)));
    const failures: unknown[] = [];
    const forwarding = createForwarding({
      region: 'east',
      look: httpStanding(door.url),
      everyMs: 0,
      patienceMs: 5_000,
      onFailure: (cause) => void failures.push(cause),
    });
    ends.push(() => forwarding.close());
    expect(await current(forwarding)).toEqual({ mode: 'serve', epoch: 3 });
    answer = { current: forward('http://127.0.0.1:9', 2) };
    expect(await current(forwarding)).toEqual({ mode: 'serve', epoch: 3 });
    answer = { current: forward('http://127.0.0.1:9', 4) };
    expect(await current(forwarding)).toMatchObject({ mode: 'forward', epoch: 4 });
    door.server.closeAllConnections();
    await new Promise((resolve) => door.server.close(resolve));
    expect(await current(forwarding)).toMatchObject({ mode: 'forward', epoch: 4 });
    expect(failures).toHaveLength(1);
  });

  test('a look that hangs does not hold requests longer than patience; one at a time', async () => {
    let looks = 0;
    const hanging = createForwarding({
      region: 'east',
      look: () => {
        looks += 1;
        return new Promise<never>(() => {});
      },
      patienceMs: 1,
      clock: machineClock,
    });
    ends.push(() => hanging.close());
    for (let n = 0; n < 3; n++) expect(await current(hanging)).toEqual({ mode: 'serve', epoch: 0 });
    expect(looks).toBe(1);
  });
});
