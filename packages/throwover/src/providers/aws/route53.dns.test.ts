import {
  type Change,
  ChangeResourceRecordSetsCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { dnsConformance } from '../../traffic/conformance.ts';
import type { DnsRecord } from '../../traffic/dns.ts';
import { askNameservers } from '../nameservers.ts';
import { credentials, type LabDns, name, startLabDns, zoneId } from './route53.fixture.ts';
import { route53Dns } from './route53.ts';
import type { Routing } from './route53-sets.ts';

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

async function change(...Changes: Change[]) {
  const client = new Route53Client({ endpoint: lab.endpoint });
  await client.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes } }),
  );
}

const east = ['127.0.1.1'];
const west = ['127.0.2.1', '127.0.2.2'];
const set = (values: readonly string[], more: Partial<ResourceRecordSet> = {}) => ({
  Name: name,
  Type: 'A' as const,
  TTL: 60,
  ResourceRecords: values.map((Value) => ({ Value })),
  ...more,
});

const setups = {
  simple: [set(east)],
  weighted: [
    set(east, { SetIdentifier: 'one', Weight: 100 }),
    set(west, { SetIdentifier: 'two', Weight: 0 }),
  ],
  failover: [
    set(east, { SetIdentifier: 'one', Failover: 'PRIMARY' }),
    set(west, { SetIdentifier: 'two', Failover: 'SECONDARY' }),
  ],
};

for (const [routing, sets] of Object.entries(setups) as [Routing, ResourceRecordSet[]][]) {
  dnsConformance(`Route 53, ${routing}, in the lab`, async () => {
    await change(
      { Action: 'DELETE', ResourceRecordSet: set(east) },
      ...sets.map((created) => ({ Action: 'CREATE' as const, ResourceRecordSet: created })),
    );
    const nameservers = [lab.nameserver];
    const options = { endpoint: lab.endpoint, zoneId, name, type: 'A' as const, routing };
    return {
      open: () => route53Dns({ ...options, nameservers }),
      east,
      west,
      tamper: () => {
        const [first] = sets;
        const by = { ...first, ...set(['127.0.9.9']) };
        return change({ Action: 'UPSERT', ResourceRecordSet: by });
      },
      ask: () => askNameservers(nameservers, { name, type: 'A' }),
      stop: () => lab.stop(),
    };
  });
}

test('without name servers a change is read back by the API', async () => {
  const dns = provider();
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  await dns.replace(old, next(old, 'west', west));
  expect(await dns.readBack()).toEqual(west);
});

test('weights keep the scale of the team, and a region without a set of its own is refused', async () => {
  await change(
    { Action: 'DELETE', ResourceRecordSet: set(east) },
    { Action: 'CREATE', ResourceRecordSet: set(east, { SetIdentifier: 'east', Weight: 10 }) },
    { Action: 'CREATE', ResourceRecordSet: set(west, { SetIdentifier: 'west', Weight: 0 }) },
  );
  const dns = route53Dns({ endpoint: lab.endpoint, zoneId, name, type: 'A', routing: 'weighted' });
  const old = await dns.adopt({ epoch: 1, region: 'east' });
  await expect(dns.replace(old, next(old, 'north', ['127.0.3.1']))).rejects.toMatchObject({
    code: 'dns-record-foreign',
  });
  await dns.replace(old, next(old, 'west', ['127.0.2.7']));
  expect(await dns.read()).toMatchObject({ values: ['127.0.2.7'] });
  const client = new Route53Client({ endpoint: lab.endpoint });
  const { ResourceRecordSets } = await client.send(
    new ListResourceRecordSetsCommand({ HostedZoneId: zoneId, StartRecordName: name }),
  );
  const weights = ResourceRecordSets?.map(({ SetIdentifier, Weight }) => [SetIdentifier, Weight]);
  expect(weights?.slice(0, 2)).toEqual([
    ['east', 0],
    ['west', 10],
  ]);
});

test('a record of another routing than declared is foreign', async () => {
  await provider().adopt({ epoch: 1, region: 'east' });
  const weighted = { endpoint: lab.endpoint, zoneId, name, type: 'A' as const };
  await expect(route53Dns({ ...weighted, routing: 'weighted' }).read()).rejects.toMatchObject({
    code: 'dns-record-foreign',
    message: `${name} A is simple, not weighted`,
  });
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
