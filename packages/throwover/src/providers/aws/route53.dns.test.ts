import { ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DnsRecord } from '../../traffic/dns.ts';
import { credentials, type LabDns, name, startLabDns, zoneId } from './route53.fixture.ts';
import { route53Dns } from './route53.ts';

let lab: LabDns;

beforeEach(async () => {
  for (const [key, value] of Object.entries(credentials)) vi.stubEnv(key, value);
  lab = await startLabDns();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await lab.stop();
});

function provider(options: { overDns?: true; type?: DnsRecord['type']; name?: string } = {}) {
  return route53Dns({
    endpoint: lab.endpoint,
    zoneId,
    name: options.name ?? name,
    type: options.type ?? 'A',
    ...(options.overDns && { nameservers: [lab.nameserver] }),
  });
}

function next(old: DnsRecord, region: string, values: readonly string[]): DnsRecord {
  const generation = { number: old.generation.number + 1, epoch: old.generation.epoch + 1, region };
  return { ...old, values, generation };
}

test('a record is foreign until it is adopted, and adopting again changes nothing', async () => {
  const dns = provider();
  await expect(dns.read()).rejects.toMatchObject({
    code: 'dns-record-foreign',
    disposition: 'stop',
  });
  const adopted = await dns.adopt({ epoch: 1, region: 'east' });
  expect(adopted).toEqual({
    name,
    type: 'A',
    ttlSeconds: 60,
    values: ['127.0.1.1'],
    generation: { number: 1, epoch: 1, region: 'east' },
  });
  expect(await dns.adopt({ epoch: 9, region: 'west' })).toEqual(adopted);
  expect(await dns.read()).toEqual(adopted);
});

test('a flip is read back over DNS and by the API, with its generation (A4)', async () => {
  const dns = provider({ overDns: true });
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  expect(await dns.readBack()).toEqual(['127.0.1.1']);
  const wanted = next(old, 'west', ['127.0.2.1', '127.0.2.2']);
  await dns.replace(old, wanted);
  expect(await dns.read()).toEqual(wanted);
  expect(await dns.readBack()).toEqual(['127.0.2.1', '127.0.2.2']);
  expect(await provider().readBack()).toEqual(['127.0.2.1', '127.0.2.2']);
});

test('the same flip again is done, not lost', async () => {
  const dns = provider();
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  const wanted = next(old, 'west', ['127.0.2.1']);
  await dns.replace(old, wanted);
  await dns.replace(old, wanted);
  expect(await dns.read()).toEqual(wanted);
});

test('an empty answer is refused before anything is sent (A4)', async () => {
  const dns = provider();
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  await lab.stop();
  await expect(dns.replace(old, next(old, 'west', []))).rejects.toMatchObject({
    code: 'dns-empty-answer',
  });
});

test.each([2, 50])(
  'of %d racing flips exactly one wins, and the others changed nothing (A4)',
  async (count) => {
    const old = await provider().adopt({ epoch: 1, region: 'east' });
    const wanted = Array.from({ length: count }, (_, i) => next(old, 'west', [`127.0.2.${i + 1}`]));
    const outcomes = await Promise.allSettled(
      wanted.map((record) => provider().replace(old, record)),
    );
    const winners = wanted.filter((_, i) => outcomes[i]?.status === 'fulfilled');
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(winners).toHaveLength(1);
    expect(lost.map(({ reason }) => reason.code)).toEqual(Array(count - 1).fill('dns-lost-race'));
    expect(await provider().read()).toEqual(winners[0]);
  },
);

test('a record changed by hand, with the generation left alone, is not overwritten (A4)', async () => {
  const dns = provider();
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  const client = new Route53Client({ endpoint: lab.endpoint });
  const ResourceRecordSet = {
    Name: name,
    Type: 'A' as const,
    TTL: 60,
    ResourceRecords: [{ Value: '127.0.9.9' }],
  };
  await client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zoneId,
      ChangeBatch: { Changes: [{ Action: 'UPSERT', ResourceRecordSet }] },
    }),
  );
  await expect(dns.replace(old, next(old, 'west', ['127.0.2.1']))).rejects.toMatchObject({
    code: 'dns-lost-race',
  });
  expect(await dns.read()).toEqual({ ...old, values: ['127.0.9.9'] });
});

test('what Route 53 itself refuses is told in its words, and is no lost race', async () => {
  const dns = provider();
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  await expect(dns.replace(old, next(old, 'west', ['not-an-address']))).rejects.toMatchObject({
    code: 'dns-refused',
    message: expect.stringContaining('ARRDATAIllegalIPv4Address'),
  });
  expect(await dns.read()).toEqual(old);
});

test('a record that is not there, a zone that is not there, and a server that is not there', async () => {
  await expect(provider({ name: 'nobody.example.test' }).read()).rejects.toMatchObject({
    code: 'dns-record-missing',
  });
  const elsewhere = route53Dns({ endpoint: lab.endpoint, zoneId: 'ZNONE', name, type: 'A' });
  await expect(elsewhere.read()).rejects.toMatchObject({ code: 'dns-refused' });
  await lab.stop();
  await expect(provider().read()).rejects.toMatchObject({
    code: 'dns-unreachable',
    disposition: 'retry',
  });
  await expect(provider({ overDns: true }).readBack()).rejects.toMatchObject({
    code: 'dns-unreachable',
  });
});

test('a CNAME moves the same way', async () => {
  const dns = provider({ name: 'alias.example.test', type: 'CNAME', overDns: true });
  const old = await dns.adopt({ epoch: 3, region: 'east' });
  await dns.replace(old, next(old, 'west', ['west.example.test.']));
  expect((await dns.read()).values).toEqual(['west.example.test.']);
});
