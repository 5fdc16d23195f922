import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type RequestListener } from 'node:http';
import { connect as connectH2, constants } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../kernel/kernel.ts';
import { httpDoor } from '../providers/http/door.ts';
import { ask, codeOf, until, World } from './edge.fixture.ts';
import { startEdge } from './edge-process.ts';

let world: World;
let running: { close(): Promise<void> }[] = [];
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  await Promise.all(running.map((edge) => edge.close()));
  running = [];
  await world.end();
});

const tell: RequestListener = (req, res) => {
  res.setHeader('set-cookie', ['a=1', 'b=2']);
  res.end(JSON.stringify({ url: req.url, headers: req.headers }));
};

async function edge(
  region: string,
  upstream: string,
  more: object = {},
  clock: Clock = systemClock,
) {
  const stateFile = join(await world.directory(), `${region}.json`);
  const config = { region, port: 0, adminPort: 0, upstream, stateFile, ...more };
  const started = await startEdge(config, clock);
  running.push(started);
  return { ...started, config, door: httpDoor({ region, url: started.adminUrl }) };
}

/** East forwards to west, through the parts of real processes; each has its own application. */
async function pair(more: object = {}) {
  const application = await world.listen(tell);
  const west = await edge('west', application.url);
  const east = await edge('east', application.url, more);
  await west.door.set({ mode: 'serve', epoch: 2 }, 1);
  await east.door.set({ mode: 'forward', epoch: 2, region: 'west', url: west.url }, 1);
  return { east, west };
}

const forged = {
  ...{ forwarded: 'for=192.0.2.9;proto=https', 'X-Forwarded-For': '192.0.2.9' },
  ...{
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-port': '1',
  },
  ...{ x_forwarded_for: '192.0.2.9', 'X-Real_IP': '192.0.2.9' },
  ...{ 'X-Real-IP': '192.0.2.9', 'true-client-ip': '192.0.2.9', 'cf-connecting-ip': '192.0.2.9' },
};
const lower = Object.fromEntries(Object.entries(forged).map(([k, v]) => [k.toLowerCase(), v]));
const names = Object.keys(lower);
const told = (answer: { body: string }) =>
  Object.fromEntries(
    Object.entries(JSON.parse(answer.body).headers).filter(([name]) => names.includes(name)),
  );

describe('in front of its application', () => {
  test('it hands requests on, over kept connections, and says who it is', async () => {
    const sockets = new Set();
    const application = await world.listen((req, res) => {
      sockets.add(req.socket);
      tell(req, res);
    });
    const { url } = await edge('east', `${application.url}/base/`);
    for (let n = 0; n < 5; n++) {
      const answer = await ask(`${url}/a%2Fb?c`, { headers: { host: 'shop.example.test' } });
      expect(answer).toMatchObject({
        status: 200,
        headers: { 'throwover-region': 'east', 'set-cookie': ['a=1', 'b=2'] },
      });
      expect(JSON.parse(answer.body)).toMatchObject({
        url: '/base/a%2Fb?c',
        headers: {
          host: 'shop.example.test',
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-proto': 'http',
        },
      });
    }
    expect(sockets.size).toBe(1);
  });

  test.each([
    'host',
    'Host, X-Forwarded-For',
    'close, authorization, cookie, x-real-ip',
    'throwover-token',
    'content-length, content-type',
  ])('`Connection: %s` takes away only what belongs to the connection', async (connection) => {
    const application = await world.listen(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      res.end(JSON.stringify({ headers: req.headers, body }));
    });
    const { url } = await edge('east', application.url, { trustedProxies: ['127.0.0.0/8'] });
    const sent = {
      ...{ host: 'shop.example.test', authorization: 'Bearer t', cookie: 'a=1' },
      ...{ 'x-real-ip': '192.0.2.9', 'throwover-token': 't', 'content-type': 'text/plain' },
    };
    const named = { ...sent, 'x-mine': '1', connection: `${connection}, x-mine` };
    const answer = await ask(url, { method: 'POST', headers: named, body: 'paid' });
    const seen = JSON.parse(answer.body);
    expect(seen).toMatchObject({ body: 'paid', headers: { ...sent, 'content-length': '4' } });
    expect(seen.headers).not.toHaveProperty('x-mine');
  });

  test.each([
    ['nobody is trusted', []],
    ['another network is trusted', ['10.0.0.0/8', '::1/128']],
  ])('what a stranger says of a client is dropped: %s', async (_what, trustedProxies) => {
    const application = await world.listen(tell);
    const { url } = await edge('east', application.url, { trustedProxies });
    const own = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' };
    expect(told(await ask(url, { headers: forged }))).toEqual(own);
    // Also when `Connection` names them.
    const named = { ...forged, connection: names.join(', ') };
    expect(told(await ask(url, { headers: named }))).toEqual(own);
  });

  test('what a named proxy says is passed on, with its own address after it', async () => {
    const application = await world.listen(tell);
    const { url } = await edge('east', application.url, { trustedProxies: ['127.0.0.1/32'] });
    expect(told(await ask(url, { headers: forged }))).toEqual({
      ...lower,
      'x-forwarded-for': '192.0.2.9, 127.0.0.1',
    });
  });

  test.each([
    ['which trusts it', ['127.0.0.0/8'], '127.0.0.1, 127.0.0.1'],
    ['which does not', [], '127.0.0.1'],
  ])('a stranger who comes through the other door, %s', async (_what, trusted, chain) => {
    const application = await world.listen(tell);
    const west = await edge('west', application.url, { trustedProxies: trusted });
    const east = await edge('east', application.url);
    await west.door.set({ mode: 'serve', epoch: 2 }, 1);
    await east.door.set({ mode: 'forward', epoch: 2, region: 'west', url: west.url }, 1);
    expect(told(await ask(east.url, { headers: forged }))).toEqual({
      ...{ 'x-forwarded-for': chain, 'x-forwarded-proto': 'http' },
    });
  });

  test('without its application: 503 with Retry-After; one that breaks off after the request: 502', async () => {
    const gone = await world.listen(() => {});
    await new Promise((resolve) => gone.server.close(resolve));
    const away = await ask((await edge('east', gone.url)).url);
    expect(away).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(away)).toBe('edge-no-application');
    const failing = await world.listen((req) => void req.socket.destroy());
    const failed = await ask((await edge('west', failing.url)).url, { method: 'POST', body: 'x' });
    expect([failed.status, codeOf(failed)]).toEqual([502, 'edge-application-failed']);
  });

  test('what is beyond its bound is told to come again, and the rest is served', async () => {
    const waiting: (() => void)[] = [];
    const application = await world.listen((_, res) => void waiting.push(() => res.end('done')));
    const { url } = await edge('east', application.url, { maxServing: 2 });
    const served = [ask(url), ask(url)];
    await until(() => waiting.length === 2);
    const shed = await ask(url);
    expect(shed).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(codeOf(shed)).toBe('door-busy');
    for (const end of waiting) end();
    expect((await Promise.all(served)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test('an upgrade is refused with a reason', async () => {
    const { url } = await edge('east', 'http://127.0.0.1:9');
    const answer = await ask(url, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    expect([answer.status, codeOf(answer)]).toEqual([501, 'edge-upgrade']);
  });
});

test('it forwards stragglers, starts again forwarding without the control plane, and tells what it saw (A5)', async () => {
  const { east } = await pair();
  const agent = { 'user-agent': 'Java-http-client/21' };
  for (let n = 0; n < 3; n++) {
    const answer = await ask(`${east.url}/orders`, { headers: agent });
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'throwover-region': 'west', connection: 'close', 'set-cookie': ['a=1', 'b=2'] },
    });
  }
  const [, report] = await east.door.stragglers(1);
  expect(report).toMatchObject({
    epoch: 2,
    role: 'forward',
    networks: ['127.0.0.0/24'],
    agents: [{ agent: 'Java-http-client', requests: 3 }],
    addedMs: { count: 3 },
  });
  expect(await east.door.connections(0)).toMatchObject({ requests: 3, open: 0 });
  const beacon = await ask(`${east.url}/.well-known/throwover-beacon/n0nce`);
  expect(beacon.status).toBe(204);
  expect(await east.door.beacons(0)).toMatchObject([{ nonce: 'n0nce', network: '127.0.0.0/24' }]);

  await east.close();
  const again = await startEdge(east.config, systemClock);
  running.push(again);
  expect((await ask(again.url)).headers['throwover-region']).toBe('west');
  const [after] = await httpDoor({ region: 'east', url: again.adminUrl }).stragglers(1);
  expect(after?.sinceWallMs).toBe(report?.sinceWallMs);
  expect(after?.countedFromWallMs).toBeGreaterThan(report?.sinceWallMs ?? Number.NaN);
});

test('what a door was sent and has not answered when it ends is still answered', async () => {
  const waiting: (() => void)[] = [];
  const application = await world.listen((_, res) => void waiting.push(() => res.end('done')));
  const { url, close } = await edge('east', application.url);
  const answer = ask(url);
  await until(() => waiting.length === 1);
  const closed = close();
  waiting[0]?.();
  expect(await answer).toMatchObject({ status: 200, body: 'done' });
  await closed;
});

/** A key and a certificate for 127.0.0.1. */
async function selfSigned() {
  const directory = await world.directory();
  const [certificate, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', key, '-out', certificate],
    ],
    { stdio: 'ignore' },
  );
  return { tls: { certificate, key }, ca: await readFile(certificate) };
}

test.each(['http', 'https'])(
  '%s: what is never answered is cut when the grace is over',
  async (scheme) => {
    let graceIsOver = () => {};
    const grace = new Promise<void>((resolve) => {
      graceIsOver = resolve;
    });
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) =>
        ms === 10_000 ? grace : systemClock.sleep(ms, signal),
    };
    const asked = new Set<string | undefined>();
    const application = await world.listen((req) => void asked.add(req.url));
    const { tls, ca } = await selfSigned();
    const more = scheme === 'https' ? { tls } : {};
    const { url, close } = await edge('east', application.url, more, clock);
    const request = scheme === 'https' ? httpsRequest : httpRequest;
    const waiting = request(`${url}/never`, { ca, agent: false }).end();
    const cut = once(waiting, 'response').catch((error: NodeJS.ErrnoException) => error.code);
    await until(() => asked.has('/never'));
    const closed = close();
    graceIsOver();
    await closed;
    expect(await cut).toBe('ECONNRESET');
  },
);

/** Sends one request over HTTP/2; returns whether the session got GOAWAY. */
async function askH2(
  url: string,
  options: { ca?: Buffer; body?: string; headers?: Record<string, string> } = {},
) {
  const session = connectH2(url, options.ca === undefined ? {} : { ca: options.ca });
  let goneAway = false;
  session.on('goaway', () => {
    goneAway = true;
  });
  const stream = session.request({
    ':path': '/orders?x=1',
    ':method': options.body === undefined ? 'GET' : 'POST',
    ...options.headers,
  });
  stream.end(options.body);
  const [head] = await once(stream, 'response');
  const body = await text(stream);
  if (!session.closed && !goneAway) session.close();
  if (!session.destroyed) await once(session, 'close');
  return { head, body, goneAway };
}

describe('HTTP/2', () => {
  test('is served, and a straggler gets its answer and GOAWAY', async () => {
    const application = await world.listen(tell);
    const served = await askH2((await edge('north', application.url, { h2c: true })).url);
    expect(served.head).toMatchObject({
      [constants.HTTP2_HEADER_STATUS]: 200,
      'throwover-region': 'north',
      'set-cookie': ['a=1', 'b=2'],
    });
    expect(served.goneAway).toBe(false);
    const { east } = await pair({ h2c: true });
    const straggler = await askH2(east.url, { body: 'order' });
    expect(straggler.head).toMatchObject({ ':status': 200, 'throwover-region': 'west' });
    expect(JSON.parse(straggler.body)).toMatchObject({
      url: '/orders?x=1',
      headers: { 'throwover-forwarded': 'east@2' },
    });
    expect(straggler.goneAway).toBe(true);
  });

  test('the application is told the protocol and address of a client of HTTP/2', async () => {
    const application = await world.listen(tell);
    const { tls, ca } = await selfSigned();
    const own = { 'x-forwarded-for': '127.0.0.1' };
    const plain = await askH2((await edge('north', application.url, { h2c: true })).url);
    expect(told(plain)).toEqual({ ...own, 'x-forwarded-proto': 'http' });
    const { url } = await edge('south', application.url, { tls });
    expect(told(await askH2(url, { ca }))).toEqual({ ...own, 'x-forwarded-proto': 'https' });
    const forging = await askH2(url, { ca, headers: forged });
    expect(told(forging)).toEqual({ ...own, 'x-forwarded-proto': 'https' });
  });

  test('over TLS too, where HTTP/1.1 clients are served beside', async () => {
    const { tls, ca } = await selfSigned();
    const { east } = await pair({ tls });
    expect(east.url).toMatch(/^https:/);
    const straggler = await askH2(east.url, { ca });
    expect(straggler.head[':status']).toBe(200);
    expect(straggler.goneAway).toBe(true);
    const plain = httpsRequest(east.url, { ca, agent: false }).end();
    const [answer] = await once(plain, 'response');
    expect([answer.statusCode, answer.headers.connection]).toEqual([200, 'close']);
    answer.resume();
    await once(answer, 'end');
  });
});

test.each([
  ['a relative state file', { stateFile: 'door.json' }, /stateFile/],
  ['a word for a network', { trustedProxies: ['everyone'] }, /trustedProxies/],
  ['a key that is not there', { tls: { certificate: '/no/cert', key: '/no/key' } }, /tls/],
  ['a field that it does not know', { upstreams: [] }, /upstreams/],
])('%s is refused before anything listens', async (_, more, message) => {
  const stateFile = join(await world.directory(), 'door.json');
  const config = { region: 'east', port: 0, adminPort: 0, upstream: 'http://127.0.0.1:9' };
  await expect(startEdge({ ...config, stateFile, ...more }, systemClock)).rejects.toMatchObject({
    code: 'edge-config-invalid',
    message: expect.stringMatching(message),
  });
});

test('a taken port is refused, and nothing is left running', async () => {
  const taken = await world.listen(() => {});
  const port = Number(new URL(taken.url).port);
  await expect(edge('east', 'http://127.0.0.1:9', { port })).rejects.toMatchObject({
    code: 'edge-listen-failed',
  });
});
