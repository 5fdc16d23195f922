import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { ask, codeOf, until, World } from './edge.fixture.ts';
import type { Serve } from './edge.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

const echo: Serve = (req, res) => pipeline(req, res);
const tell: Serve = (req, res) => {
  res.end(JSON.stringify({ url: req.url, method: req.method, headers: req.headers }));
};

/** East forwards to west in epoch 2. */
async function pair(serve: Serve) {
  const west = await world.door({ region: 'west', serve });
  const east = await world.door({ region: 'east', serve });
  await west.edge.set({ mode: 'serve', epoch: 2 }, 1);
  await east.edge.set({ mode: 'forward', epoch: 2, region: 'west', url: west.url }, 1);
  return { east, west };
}

async function forwarding(url: string, clock = systemClock) {
  const door = await world.door({ region: 'east', serve: echo, clock });
  await door.edge.set({ mode: 'forward', epoch: 2, region: 'west', url }, 1);
  return door;
}

test('a request arrives as it was sent, without what belongs to one connection', async () => {
  const { east } = await pair(tell);
  const answer = await ask(`${east.url}/a%2Fb?c=%20&c=2`, {
    method: 'PATCH',
    headers: {
      host: 'checkout.example.test',
      connection: 'x-mine',
      'x-mine': '1',
      te: 'trailers',
      cookie: 'a=b',
    },
    body: 'body',
  });
  const seen = JSON.parse(answer.body);
  expect(seen).toMatchObject({
    url: '/a%2Fb?c=%20&c=2',
    method: 'PATCH',
    headers: {
      host: 'checkout.example.test',
      cookie: 'a=b',
      'x-forwarded-for': '127.0.0.1',
      'throwover-forwarded': 'east@2',
    },
  });
  expect(seen.headers).not.toHaveProperty('x-mine');
  expect(seen.headers).not.toHaveProperty('te');
  expect(answer.headers).toMatchObject({ 'throwover-region': 'west', connection: 'close' });
});

test('an answer without our headers gets those of the active region', async () => {
  const plain = await world.listen((_, res) =>
    res.writeHead(201, { 'set-cookie': ['a=1', 'b=2'] }).end('ok'),
  );
  const { url } = await forwarding(plain.url);
  expect(await ask(url)).toMatchObject({
    status: 201,
    body: 'ok',
    headers: { 'throwover-region': 'west', 'throwover-epoch': '2', 'set-cookie': ['a=1', 'b=2'] },
  });
});

test('a large body streams through, both ways, unharmed', async () => {
  const { east } = await pair(echo);
  const block = Buffer.from(Array.from({ length: 65_536 }, (_, i) => i * 31));
  const blocks = 256;
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const out = request(east.url, { method: 'POST', agent: false });
  const answered = once(out, 'response');
  await pipeline(function* () {
    for (let i = 0; i < blocks; i++) {
      sent.update(block);
      yield block;
    }
  }, out);
  const [answer] = await answered;
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    received.update(chunk);
  }
  expect(bytes).toBe(blocks * block.length);
  expect(received.digest('hex')).toBe(sent.digest('hex'));
});

test('an answer begins while the request is still being sent', async () => {
  const { east } = await pair(echo);
  const out = request(east.url, { method: 'POST', agent: false });
  out.write('first');
  const [answer] = await once(out, 'response');
  const [first] = await once(answer, 'data');
  expect(first.toString()).toBe('first');
  out.end('second');
  const [second] = await once(answer, 'data');
  expect(second.toString()).toBe('second');
});

test('a client that leaves takes its request to the active region with it', async () => {
  let closed = false;
  const slow = await world.listen((_, res) => {
    res.once('close', () => {
      closed = true;
    });
    res.write('begun');
  });
  const { edge, url } = await forwarding(slow.url);
  const out = request(url, { agent: false });
  out.on('error', () => {});
  out.end();
  await once(out, 'response');
  out.destroy();
  await until(() => closed && edge.status().inFlight === 0);
});

test('two doors that forward to each other refuse instead of going round', async () => {
  const { east, west } = await pair(tell);
  await west.edge.set({ mode: 'forward', epoch: 2, region: 'east', url: east.url }, 1);
  const answer = await ask(east.url);
  expect(answer.status).toBe(508);
  expect(codeOf(answer)).toBe('door-loop');
});

test('a request that was forwarded in an older epoch goes on to the newer active region', async () => {
  const north = await world.door({ region: 'north', serve: tell });
  const { east, west } = await pair(tell);
  await west.edge.set({ mode: 'forward', epoch: 3, region: 'north', url: north.url }, 1);
  const answer = await ask(east.url);
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body).headers['throwover-forwarded']).toBe('west@3');
});

test('an upgrade is refused with a hint', async () => {
  const { east } = await pair(tell);
  const headers = { connection: 'upgrade', upgrade: 'websocket' };
  const answer = await ask(east.url, { headers });
  expect(answer).toMatchObject({
    status: 503,
    headers: { 'retry-after': '1', connection: 'close' },
  });
  expect(codeOf(answer)).toBe('door-upgrade');
});

test('nobody there: 503 and Retry-After, after three attempts', async () => {
  const gone = await world.listen(() => {});
  await new Promise((resolve) => gone.server.close(resolve));
  const { edge, url } = await forwarding(gone.url);
  const answer = await ask(url, { method: 'POST', body: 'order' });
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(codeOf(answer)).toBe('door-no-upstream');
  expect(edge.status()).toMatchObject({ forwarded: 0, refused: 1 });
});

test('a request that could not be sent is sent again, whole, when the way is back', async () => {
  const late = await world.listen(echo);
  const port = Number(new URL(late.url).port);
  await new Promise((resolve) => late.server.close(resolve));
  const pauseMs = 100;
  const clock = {
    ...systemClock,
    sleep: async (ms: number, signal?: AbortSignal) => {
      if (ms !== pauseMs) return systemClock.sleep(ms, signal);
      late.server.listen(port, '127.0.0.1');
      await once(late.server, 'listening');
    },
  };
  const { url } = await forwarding(late.url, clock);
  expect(await ask(url, { method: 'POST', body: 'order' })).toMatchObject({
    status: 200,
    body: 'order',
  });
});

test('a request that may have arrived is not sent again: 502', async () => {
  let arrived = 0;
  const failing = await world.listen((req) => {
    arrived += 1;
    req.socket.destroy();
  });
  const { url } = await forwarding(failing.url);
  const answer = await ask(url, { method: 'POST', body: 'order' });
  expect(answer.status).toBe(502);
  expect(codeOf(answer)).toBe('door-upstream-failed');
  expect(arrived).toBe(1);
});

test('an answer that breaks off is broken off for the client too', async () => {
  const failing = await world.listen((_, res) => {
    res.writeHead(200, { 'content-length': '100' });
    res.write('part', () => res.destroy());
  });
  const { url } = await forwarding(failing.url);
  await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a keep-alive client is sent away after one forwarded answer', async () => {
  const { east } = await pair(tell);
  const socket = connect(Number(new URL(east.url).port), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toMatch(
    /^HTTP\/1\.1 200 OK\r\n(.|\r\n)*connection: close/i,
  );
});

test('answers without a body arrive as they are: HEAD, 204, 304', async () => {
  const serve: Serve = (req, res) => {
    if (req.method === 'HEAD') res.writeHead(200, { 'content-length': '1234', etag: '"a"' });
    else res.writeHead(req.url === '/none' ? 204 : 304, { etag: '"b"' });
    res.end();
  };
  const { east } = await pair(serve);
  expect(await ask(east.url, { method: 'HEAD' })).toMatchObject({
    status: 200,
    headers: { 'content-length': '1234', etag: '"a"' },
    body: '',
  });
  expect(await ask(`${east.url}/none`)).toMatchObject({ status: 204, body: '' });
  expect(await ask(east.url)).toMatchObject({ status: 304, headers: { etag: '"b"' }, body: '' });
});

test('a client that stops in the middle of its body ends the request to the active region too', async () => {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const { east } = await pair((req) => {
    req.once('data', begun.resolve);
    req.once('error', () => ended.resolve());
  });
  const out = request(east.url, { method: 'POST', agent: false });
  out.on('error', () => {});
  out.write('half');
  await begun.promise;
  out.destroy();
  await ended.promise;
  await until(() => east.edge.status().inFlight === 0);
});
