import { type ChildProcess, spawn } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { headers } from '@throwover/client';
import type { RequestRecord } from 'throwover';
import { seededRandom, systemClock } from 'throwover/kernel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DnsServer } from '../dns/dns-server.ts';
import { type Resolvers, startResolvers } from '../dns/resolvers.ts';
import { startTestServer, zoneId } from '../dns/server.fixture.ts';
import type { ClientRecord } from './own-reads.ts';

const program = fileURLToPath(new URL('./clients.ts', import.meta.url));
const addresses = { '127.0.1.1': 'east', '127.0.2.1': 'west' };

/** Answers as checkout does, each region from its own orders. */
class Region {
  readonly orders = new Set<string>();
  status: number | null = null;
  hang = false;
  /** Acknowledges orders and loses them. */
  forgets = false;
  /**
   * Gives each order's token with it, and records which are shown; reports missing orders as lost.
   */
  tokens = false;
  readonly shown: { key: string; token: string }[] = [];
  connections = 0;
  closing = false;
  #server: Server | null = null;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async listen(host: string, port: number): Promise<number> {
    const server = createServer((req, res) => {
      if (this.hang) return;
      req.resume();
      res.setHeader(headers.region, this.name);
      if (this.closing) res.setHeader('connection', 'close');
      const key = decodeURIComponent(req.url?.split('/')[2] ?? '');
      const token = req.headers[headers.token];
      if (typeof token === 'string') this.shown.push({ key, token });
      if (this.status !== null) res.writeHead(this.status).end();
      else if (req.method === 'POST') {
        const made = String(req.headers['idempotency-key']);
        if (!this.forgets) this.orders.add(made);
        if (this.tokens) res.setHeader(headers.token, `token of ${made}`);
        res.writeHead(201).end('{}');
      } else if (key === '') res.end('{"orders":[]}');
      else if (this.orders.has(key)) res.end(JSON.stringify({ idempotencyKey: key }));
      else if (token !== undefined) {
        res.setHeader(headers.token, '');
        res.setHeader(
          'checkout-read',
          '{"outcome":"lost","reason":"aborted","routed":false,"waitedMs":1}',
        );
        res.writeHead(410).end('{}');
      } else res.writeHead(404).end('{}');
    });
    server.on('connection', () => {
      this.connections += 1;
    });
    server.keepAliveTimeout = 75_000;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

let east: Region;
let west: Region;
let dns: DnsServer;
let resolvers: Resolvers;
let dir: string;
let port: number;
let child: ChildProcess | null = null;
let url = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-clients-'));
  east = new Region('east');
  west = new Region('west');
  port = await east.listen('127.0.1.1', 0);
  await west.listen('127.0.2.1', port);
  dns = await startTestServer();
  resolvers = await startResolvers(
    {
      host: '127.0.0.1',
      timeScale: 60,
      authoritative: { host: '127.0.0.1', port: dns.dnsPort },
      resolvers: [
        { port: 0, behaviour: 'honest' },
        { port: 0, behaviour: 'long-hold', holdSeconds: 3_600 },
      ],
    },
    { clock: systemClock, random: seededRandom(1) },
  );
});

afterEach(async () => {
  if (child !== null && child.exitCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  }
  child = null;
  await Promise.all([resolvers.close(), dns.close(), east.close(), west.close()]);
  await rm(dir, { recursive: true });
});

async function start(given: Record<string, unknown> = {}): Promise<void> {
  const [honest, longHold] = resolvers.ports;
  const config = {
    host: '127.0.0.1',
    adminPort: 0,
    hostname: 'checkout.example.test',
    port,
    resolvers: [
      { port: honest, behaviour: 'honest', share: 0.5 },
      { port: longHold, behaviour: 'long-hold', share: 0.5 },
    ],
    addresses,
    clients: 10,
    ratePerSecond: 100,
    keepAliveShare: 0,
    output: join(dir, 'deep', 'requests.jsonl'),
    ...given,
  };
  child = spawn(
    process.execPath,
    ['--conditions=throwover-source', program, JSON.stringify(config)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (child.stdout === null) throw new Error('no stdout');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  url = (JSON.parse(String(line)) as { url: string }).url;
  expect((await ask('start')).state).toBe('running');
}

async function ask(command: 'start' | 'stop' | 'live') {
  const method = command === 'live' ? 'GET' : 'POST';
  const response = await fetch(`${url}/__lab/${command}`, { method });
  return (await response.json()) as Record<string, unknown>;
}

async function records(): Promise<RequestRecord[]> {
  const text = await readFile(join(dir, 'deep', 'requests.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RequestRecord);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(10);
}

async function more(requests: number): Promise<void> {
  const before = await done();
  await until(async () => (await done()) > before + requests);
}

async function flip(address: string): Promise<void> {
  const set = `<Name>checkout.example.test</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>${address}</Value></ResourceRecord></ResourceRecords>`;
  const response = await fetch(
    `http://127.0.0.1:${dns.apiPort}/2013-04-01/hostedzone/${zoneId}/rrset`,
    {
      method: 'POST',
      body: `<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet>${set}</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`,
    },
  );
  expect(response.status).toBe(200);
}

const done = async () =>
  Number((await ask('live').then(({ counts }) => counts as { requests: number })).requests);

test('writes, reads its own writes, looks up for every connection, and records all of it', async () => {
  west.forgets = true;
  await start();
  await until(async () => (await done()) > 150);
  const live = (await ask('live')) as {
    lastSecond: { regions: Record<string, { share: number }> };
  };
  expect(live.lastSecond.regions['east']).toMatchObject({ share: 1, entryShare: 1, failed: 0 });
  await flip('127.0.2.1');
  await until(() => west.connections > 0);
  await more(150);
  const counts = await ask('stop');
  const all = await records();

  expect(counts).toMatchObject({ requests: all.length, failed: 0 });
  const writes = all.filter(({ kind }) => kind === 'write');
  expect(new Set(writes.map(({ key }) => key)).size).toBe(writes.length);
  expect(all.filter(({ kind }) => kind === 'read').length).toBeGreaterThan(50);
  expect(all.some(({ kind }) => kind === 'list')).toBe(true);
  expect(east.connections + west.connections).toBe(all.length);
  expect(all.every(({ reused, endMs, sentMs }) => !reused && endMs > sentMs)).toBe(true);
  expect(all.every(({ entry, region, forwarded }) => entry === region && !forwarded)).toBe(true);

  // Clients behind the resolver that holds on never left; the others did, and missed writes of
  // their own.
  const held = all.filter(({ resolver }) => resolver === 'long-hold');
  expect(new Set(held.map(({ entry }) => entry))).toEqual(new Set(['east']));
  expect(new Set(all.map(({ client }) => client)).size).toBe(10);
  const stale = all.filter((record) => record.stale);
  expect(stale.length).toBeGreaterThan(0);
  for (const { kind, resolver, ok, status, entry } of stale) {
    expect({ kind, resolver, ok, status, entry }).toEqual({
      kind: 'read',
      resolver: 'honest',
      ok: false,
      status: 404,
      entry: 'west',
    });
  }
});

test('half of the clients show the token of their last write; each write is read at home too, and a loss is forgotten', async () => {
  east.tokens = true;
  // The service's name leads to east. West is home, and has none of the orders.
  await start({
    readYourWrites: {
      tokenShare: 0.5,
      homes: { west: { host: '127.0.2.1', port } },
      thinkMs: 20,
    },
  });
  await until(async () => (await done()) > 200);
  await ask('stop');
  const all = (await records()) as ClientRecord[];
  const writes = all.filter(({ kind, ok }) => kind === 'write' && ok);
  expect(writes.every(({ key, token }) => token === `token of ${key}`)).toBe(true);

  const reads = all.flatMap(({ own, client, key }) =>
    own === undefined ? [] : [{ ...own, client, key }],
  );
  const carrying = new Set(reads.filter(({ carried }) => carried).map(({ client }) => client));
  expect(carrying.size).toBe(5);
  expect(reads.filter(({ carried, client }) => carried !== carrying.has(client))).toEqual([]);
  for (const { key, token } of [...east.shown, ...west.shown])
    expect(token).toBe(`token of ${key}`);
  expect([east.shown.length, west.shown.length]).toEqual([
    reads.filter(({ carried, path }) => carried && path === 'door').length,
    reads.filter(({ carried, path }) => carried && path === 'home').length,
  ]);

  const outcomes = (carried: boolean, path: string) =>
    new Set(
      reads.filter((read) => read.carried === carried && read.path === path).map((r) => r.outcome),
    );
  expect(outcomes(true, 'home')).toEqual(new Set(['lost']));
  expect(outcomes(false, 'home')).toEqual(new Set(['stale']));
  expect(outcomes(false, 'door')).toEqual(new Set(['fresh']));
  expect(reads.filter(({ path }) => path === 'home').length).toBeGreaterThan(writes.length / 2);
  // A client that was told of a loss does not ask for the same write again.
  const lost = all.filter(({ own }) => own?.outcome === 'lost');
  const again = lost.flatMap(({ client, key, endMs }) =>
    all.filter((one) => one.own && one.client === client && one.key === key && one.sentMs > endMs),
  );
  expect(again).toEqual([]);
});

test('a pool stays on its connections past the flip, until the server closes them', async () => {
  const honest = [{ port: resolvers.ports[0], behaviour: 'honest', share: 1 }];
  await start({ keepAliveShare: 1, keepAliveMaxLifeMinutes: 60, clients: 4, resolvers: honest });
  await until(async () => (await done()) > 60);
  await flip('127.0.2.1');
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${resolvers.ports[0]}`]);
  await until(async () => (await resolver.resolve4('checkout.example.test'))[0] === '127.0.2.1');
  // Then every lookup gives the new address; those of a moment before end with their requests.
  await more(20);
  const expiredMs = systemClock.wallMs();
  await more(20);
  east.closing = true;
  await until(async () => {
    const { lastSecond } = (await ask('live')) as {
      lastSecond: { regions: Record<string, { entryShare: number }> };
    };
    return lastSecond.regions['west']?.entryShare === 1;
  });
  await ask('stop');
  const late = (await records()).filter(({ sentMs }) => sentMs > expiredMs);
  // A pool that needs one more connection looks up the name for it; open connections stay.
  expect(late.filter(({ reused, entry }) => reused && entry === 'east').length).toBeGreaterThan(0);
  expect(late.filter(({ reused, entry }) => !reused && entry !== 'west')).toEqual([]);
  expect(late.filter(({ ok, stale }) => !ok && !stale)).toEqual([]);
  expect(late.every(({ entry, region }) => entry === region)).toBe(true);
});

test('a pool lets a connection go at its maximum age', async () => {
  await start({ keepAliveShare: 1, keepAliveMaxLifeMinutes: 0.5, clients: 2 });
  await flip('127.0.2.1');
  await until(() => west.connections > 0);
  await ask('stop');
});

test('refusals, refused connections and answers that never come are failures, each with its reason', async () => {
  await start();
  await until(async () => (await done()) > 30);
  east.status = 503;
  await until(
    async () =>
      Number((await ask('live').then(({ counts }) => counts as { failed: number })).failed) > 5,
  );
  east.status = null;
  east.hang = true;
  await systemClock.sleep(200);
  await east.close();
  await systemClock.sleep(200);
  const counts = await ask('stop');
  const all = await records();
  expect(counts).toMatchObject({ requests: all.length });
  const reasons = new Set(
    all.filter(({ ok }) => !ok).map(({ status, error }) => `${status} ${error}`),
  );
  expect(reasons).toEqual(new Set(['503 null', '0 ECONNRESET', '0 ECONNREFUSED']));
  // The address that a connection tried is known, although it was refused.
  expect(all.every(({ entry }) => entry === 'east')).toBe(true);
});

test('an answer that does not come in 5 s is a failure, and does not slow the others', async () => {
  east.hang = true;
  await start();
  await systemClock.sleep(1_000);
  await ask('stop');
  const all = await records();
  // One second at 100 requests a second, none of which waited for another.
  expect(all.length).toBeGreaterThan(50);
  expect(new Set(all.map(({ error }) => error))).toEqual(new Set(['timeout']));
  expect(Math.min(...all.map(({ sentMs, endMs }) => endMs - sentMs))).toBeGreaterThan(4_900);
});

test('a name that does not resolve is a failure that entered nowhere', async () => {
  await start({ hostname: 'nobody.example.test' });
  await until(async () => (await done()) > 20);
  await ask('stop');
  const all = await records();
  expect(new Set(all.map(({ error, entry }) => `${error} ${entry}`))).toEqual(
    new Set(['ENOTFOUND null']),
  );
});
