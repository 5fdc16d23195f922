import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { decode, encode } from 'dns-packet';
import { seededRandom, systemClock } from 'throwover/kernel';
import { afterEach, expect, test } from 'vitest';
import type { DnsServer } from './dns-server.ts';
import { type Resolvers, startResolvers } from './resolvers.ts';
import { askTcp, host, startTestServer, zoneId } from './server.fixture.ts';

let server: DnsServer | undefined;
let resolvers: Resolvers | undefined;
let child: Socket | undefined;

afterEach(async () => {
  child?.close();
  child = undefined;
  await Promise.all([server?.close(), resolvers?.close()]);
});

async function start() {
  const authoritative = await startTestServer();
  server = authoritative;
  const running = await startResolvers(
    {
      host,
      timeScale: 60,
      authoritative: { host, port: authoritative.dnsPort },
      resolvers: [
        { port: 0, behaviour: 'honest' },
        { port: 0, behaviour: 'clamped', holdSeconds: 180 },
        { port: 0, behaviour: 'serve-stale' },
      ],
    },
    { clock: systemClock, random: seededRandom(2) },
  );
  resolvers = running;
  const clients = running.ports.map((port) => {
    const client = new Resolver({ timeout: 5_000, tries: 2 });
    client.setServers([`${host}:${port}`]);
    return client;
  });
  return { authoritative, ports: running.ports, clients };
}

async function flip(api: DnsServer, values: string[]) {
  const records = values.map((value) => `<ResourceRecord><Value>${value}</Value></ResourceRecord>`);
  const set = `<Name>checkout.example.test</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>${records.join('')}</ResourceRecords>`;
  const response = await fetch(
    `http://${host}:${api.apiPort}/2013-04-01/hostedzone/${zoneId}/rrset`,
    {
      method: 'POST',
      body: `<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet>${set}</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`,
    },
  );
  expect(response.status).toBe(200);
}

/** Returns the milliseconds from the flip until this client gets the new address. */
async function heldMs(client: Resolver, flippedMs: number): Promise<number> {
  for (;;) {
    const [address] = await client.resolve4('checkout.example.test');
    const now = systemClock.monotonicMs();
    if (address === '127.0.2.1') return now - flippedMs;
    if (now - flippedMs > 30_000) throw new Error('never flipped');
    await systemClock.sleep(20);
  }
}

test('real clients see a flip after the TTL, and after the clamp, never before', async () => {
  const { authoritative, clients } = await start();
  const cachedMs = await Promise.all(
    clients.map(async (client) => {
      const beforeMs = systemClock.monotonicMs();
      expect(await client.resolve4('checkout.example.test')).toEqual(['127.0.1.1']);
      return beforeMs;
    }),
  );
  await flip(authoritative, ['127.0.2.1']);
  const flippedMs = systemClock.monotonicMs();
  const held = await Promise.all(clients.map((client) => heldMs(client, flippedMs)));
  // The cache began to keep the answer no earlier than the client asked for it.
  const [honest = 0, clamped = 0] = held.map((ms, i) => ms + flippedMs - (cachedMs[i] ?? 0));
  expect(honest).toBeGreaterThanOrEqual(1_000);
  expect(clamped).toBeGreaterThanOrEqual(3_000);
});

test('names that are not there, types that are not there, large answers and TCP pass through', async () => {
  const { clients, ports } = await start();
  const [client] = clients;
  const [port = 0] = ports;
  await expect(client?.resolve4('nobody.example.test')).rejects.toMatchObject({
    code: 'ENOTFOUND',
  });
  await expect(client?.resolve6('checkout.example.test')).rejects.toMatchObject({
    code: 'ENODATA',
  });
  expect(await client?.resolveTxt('large.example.test')).toHaveLength(20);
  const query = encode({
    type: 'query',
    id: 9,
    questions: [{ name: 'WWW.example.test', type: 'A' }],
  });
  expect(await askTcp(port, [query])).toMatchObject([
    {
      id: 9,
      flag_ra: true,
      flag_aa: false,
      answers: [{ type: 'CNAME' }, { type: 'A', data: '127.0.1.1' }],
    },
  ]);
});

test('while the authoritative server is away, honest fails and serve-stale answers', async () => {
  const { authoritative, clients } = await start();
  const [honest, , stale] = clients;
  await Promise.all([honest, stale].map((client) => client?.resolve4('checkout.example.test')));
  await authoritative.close();
  server = undefined;
  await expect(
    (async () => {
      for (;;) {
        await honest?.resolve4('checkout.example.test');
        await systemClock.sleep(50);
      }
    })(),
  ).rejects.toMatchObject({ code: 'ESERVFAIL' });
  expect(await stale?.resolve4('checkout.example.test')).toEqual(['127.0.1.1']);
});

test('a delegated zone is asked at its own server, from the address of each resolver, and its names are never old', async () => {
  // Answers each question with the address that it came from.
  const delegated = createSocket('udp4');
  child = delegated;
  delegated.on('message', (message, from) => {
    const { id = 0, questions = [] } = decode(message);
    const [{ name } = { name: '' }] = questions;
    const answers = [{ type: 'A' as const, name, ttl: 3, data: from.address }];
    delegated.send(encode({ type: 'response', id, questions, answers }), from.port, from.address);
  });
  delegated.bind(0, host);
  await once(delegated, 'listening');
  const authoritative = await startTestServer({
    zones: [
      {
        id: zoneId,
        name: 'example.test',
        records: [
          { name: 'checkout.example.test', type: 'A', ttl: 180, values: ['127.0.1.1'] },
          {
            name: 'canary.example.test',
            type: 'NS',
            ttl: 60,
            values: ['ns1.canary.example.test.'],
          },
          { name: 'ns1.canary.example.test', type: 'A', ttl: 60, values: [host] },
          { name: 'lost.example.test', type: 'NS', ttl: 60, values: ['ns.example.org.'] },
        ],
      },
    ],
  });
  server = authoritative;
  const running = await startResolvers(
    {
      host,
      timeScale: 60,
      authoritative: { host, port: authoritative.dnsPort },
      nameserverPorts: { [host]: delegated.address().port },
      resolvers: ['127.0.10.1', '127.0.11.1'].map((from) => ({
        ...{ port: 0, behaviour: 'honest' as const, firstAgeShare: 0.9, from },
      })),
    },
    { clock: systemClock, random: seededRandom(3) },
  );
  resolvers = running;
  const ask = async (port: number, name: string) => {
    const client = new Resolver({ timeout: 5_000, tries: 2 });
    client.setServers([`${host}:${port}`]);
    return client.resolve4(name, { ttl: true });
  };
  const [one = 0, two = 0] = running.ports;
  expect(await ask(one, 'nonce.b.canary.example.test')).toEqual([
    { address: '127.0.10.1', ttl: 3 },
  ]);
  expect(await ask(two, 'nonce.b.canary.example.test')).toEqual([
    { address: '127.0.11.1', ttl: 3 },
  ]);
  // An answer of the lab's own zone counts as kept for nine tenths of its life.
  expect(await ask(one, 'checkout.example.test')).toEqual([{ address: '127.0.1.1', ttl: 1 }]);
  await expect(ask(one, 'a.lost.example.test')).rejects.toMatchObject({ code: 'ESERVFAIL' });
});
