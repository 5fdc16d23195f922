import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { seededRandom } from '../../kernel/kernel.ts';
import { dnsConformance } from '../../traffic/conformance.ts';
import type { DnsRecord } from '../../traffic/dns.ts';
import { type Cluster, startCluster } from './arc.fixture.ts';
import { arcDns } from './arc.ts';

const control = (region: string) =>
  `arn:aws:route53-recovery-control::111122223333:controlpanel/0123456789abcdef/routingcontrol/${region}`;

let cluster: Cluster;
let epoch: number;

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'lab');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'lab');
  epoch = 1;
  cluster = await startCluster({ [control('east')]: 'On', [control('west')]: 'Off' });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await cluster.close();
});

function provider(seed = 1) {
  return arcDns({
    name: 'checkout.example.test',
    type: 'A',
    ttlSeconds: 60,
    endpoints: cluster.endpoints,
    regions: {
      east: { control: control('east'), addresses: ['127.0.1.1'] },
      west: { control: control('west'), addresses: ['127.0.2.1'] },
    },
    epoch: async () => epoch,
    random: seededRandom(seed),
  });
}

function toWest(old: DnsRecord, forEpoch = old.generation.epoch + 1): DnsRecord {
  const generation = { number: forEpoch, epoch: forEpoch, region: 'west' };
  return { ...old, values: ['127.0.2.1'], generation };
}

const noGeneration = 'ARC stores none with its states, and takes a state without a condition';
dnsConformance(
  'ARC',
  async () => ({
    open: () => provider(),
    east: ['127.0.1.1'],
    west: ['127.0.2.1'],
    tamper: async () => {
      cluster.states.set(control('west'), 'On');
    },
    ask: async () => {
      await setImmediate();
      const addresses = { east: '127.0.1.1', west: '127.0.2.1' };
      return Object.entries(addresses)
        .filter(([region]) => cluster.states.get(control(region)) === 'On')
        .map(([, address]) => address);
    },
    stop: () => cluster.close(),
  }),
  {
    'a record is foreign until it is adopted, and adopting again changes nothing': noGeneration,
    'a flip is read and read back, with its generation; the same flip again is done': noGeneration,
    'of racing flips exactly one wins, and the others changed nothing (A4)': noGeneration,
    'another TTL is written the same way': 'ARC writes no records',
  },
);

test("one call turns one region on and all others off; the epoch is the store's", async () => {
  const dns = provider();
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  expect(old).toMatchObject({ values: ['127.0.1.1'], generation: { epoch: 1, region: 'east' } });
  cluster.calls.length = 0;
  await dns.replace(old, toWest(old));
  expect(cluster.calls.filter(({ operation }) => operation.startsWith('Update'))).toHaveLength(1);
  expect(Object.fromEntries(cluster.states)).toEqual({
    [control('east')]: 'Off',
    [control('west')]: 'On',
  });
  expect(await dns.readBack()).toEqual(['127.0.2.1']);
  // This provider knows its own epoch before the store has opened it (flip-only); others know it
  // afterwards.
  expect((await dns.read()).generation).toMatchObject({ epoch: 2, region: 'west' });
  expect((await provider().read()).generation.epoch).toBe(1);
  await dns.replace(old, toWest(old));
});

test('a newer epoch in the store, or another region that is on, is a lost race', async () => {
  const dns = provider();
  const old = await dns.read();
  epoch = 3;
  await expect(dns.replace(old, toWest(old, 2))).rejects.toMatchObject({ code: 'dns-lost-race' });
  epoch = 1;
  cluster.states.set(control('east'), 'Off').set(control('west'), 'On');
  const toEast = { ...old, generation: { number: 2, epoch: 2, region: 'east' } };
  await expect(dns.replace({ ...old, values: [] }, toEast)).rejects.toMatchObject({
    code: 'dns-lost-race',
  });
  expect(cluster.states.get(control('west'))).toBe('On');
});

test('endpoints are tried in random order, and one that is alive is enough', async () => {
  const first = new Set<number | undefined>();
  for (let seed = 1; seed <= 30; seed += 1) {
    cluster.calls.length = 0;
    await provider(seed).read();
    first.add(cluster.calls[0]?.endpoint);
  }
  expect(first.size).toBe(5);
  cluster.busy(0);
  cluster.busy(1);
  await Promise.all([2, 3].map((index) => cluster.stopEndpoint(index)));
  const dns = provider();
  const old = await dns.read();
  await dns.replace(old, toWest(old));
  expect(cluster.states.get(control('west'))).toBe('On');
  await cluster.stopEndpoint(4);
  await expect(dns.read()).rejects.toMatchObject({
    code: 'dns-unreachable',
    disposition: 'retry',
    message: expect.stringMatching(/us-east-1: .*ap-northeast-1: /),
  });
});

test('a safety rule is told in its words, and nothing was changed', async () => {
  const dns = provider();
  const old = await dns.read();
  cluster.forbid('wait period of 60 s has not passed');
  await expect(dns.replace(old, toWest(old))).rejects.toMatchObject({
    code: 'dns-safety-rule',
    disposition: 'stop',
    message: expect.stringContaining('wait period'),
  });
  expect((await dns.read()).values).toEqual(['127.0.1.1']);
});

test('what ARC does not do is refused before anything is sent: addresses, TTLs, empty answers', async () => {
  const dns = provider();
  const old = await dns.read();
  cluster.calls.length = 0;
  await expect(dns.replace(old, { ...toWest(old), values: ['127.0.9.9'] })).rejects.toMatchObject({
    code: 'dns-refused',
  });
  await expect(dns.replace(old, { ...toWest(old), ttlSeconds: 5 })).rejects.toMatchObject({
    code: 'dns-refused',
  });
  await expect(dns.replace(old, { ...toWest(old), values: [] })).rejects.toMatchObject({
    code: 'dns-empty-answer',
  });
  expect(cluster.calls).toEqual([]);
});

test('a routing control that is not there is refused, and no other endpoint is asked', async () => {
  cluster.states.delete(control('west'));
  await expect(provider().read()).rejects.toMatchObject({
    code: 'dns-refused',
    message: expect.stringContaining('no routing control'),
  });
  expect(new Set(cluster.calls.map(({ endpoint }) => endpoint)).size).toBe(1);
});
