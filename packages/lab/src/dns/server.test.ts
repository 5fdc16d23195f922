import { Resolver } from 'node:dns/promises';
import { decode, encode } from 'dns-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DnsServer } from './dns-server.ts';
import { askTcp, askUdp, host, sendUdp, startTestServer, zoneId } from './server.fixture.ts';

let server: DnsServer;
let resolver: Resolver;

beforeAll(async () => {
  server = await startTestServer();
  resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([`${host}:${server.dnsPort}`]);
});
afterAll(() => server.close());

function upsert(values: readonly string[]): Promise<Response> {
  const records = values.map((value) => `<ResourceRecord><Value>${value}</Value></ResourceRecord>`);
  const set = `<Name>moving.example.test</Name><Type>A</Type><TTL>60</TTL><ResourceRecords>${records.join('')}</ResourceRecords>`;
  const change = `<Change><Action>UPSERT</Action><ResourceRecordSet>${set}</ResourceRecordSet></Change>`;
  return fetch(`http://${host}:${server.apiPort}/2013-04-01/hostedzone/${zoneId}/rrset`, {
    method: 'POST',
    body: `<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>${change}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`,
  });
}

test('answers a real c-ares client, with the TTL divided by the time scale', async () => {
  expect(await resolver.resolve4('checkout.example.test', { ttl: true })).toEqual([
    { address: '127.0.1.1', ttl: 1 },
  ]);
  expect(await resolver.resolveTxt('deep.below.example.test')).toEqual([['one', 't"wo']]);
  expect(await resolver.resolve4('www.example.test')).toEqual(['127.0.1.1']);
});

test('a name without records of the type is NODATA, one that is not there is NXDOMAIN, both with the SOA', async () => {
  await expect(resolver.resolve6('checkout.example.test')).rejects.toMatchObject({
    code: 'ENODATA',
  });
  await expect(resolver.resolve4('nobody.example.test')).rejects.toMatchObject({
    code: 'ENOTFOUND',
  });
  const between = await askUdp(server.dnsPort, { name: 'below.example.test', type: 'A' });
  expect(between).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [{ type: 'SOA' }] });
  const absent = await askUdp(server.dnsPort, { name: 'nobody.example.test', type: 'A' });
  expect(absent).toMatchObject({
    rcode: 'NXDOMAIN',
    flag_aa: true,
    authorities: [{ type: 'SOA' }],
  });
});

test('another zone is refused', async () => {
  const reply = await askUdp(server.dnsPort, { name: 'example.org', type: 'A' });
  expect(reply).toMatchObject({ rcode: 'REFUSED', answers: [] });
});

test('letters of a question come back as they were sent', async () => {
  const reply = await askUdp(server.dnsPort, { name: 'ChEcKoUt.ExAmPlE.tEsT', type: 'A' });
  expect(reply.questions?.[0]?.name).toBe('ChEcKoUt.ExAmPlE.tEsT');
  expect(reply.answers).toMatchObject([{ name: 'ChEcKoUt.ExAmPlE.tEsT', data: '127.0.1.1' }]);
});

test('EDNS0 is answered with EDNS0, and only then', async () => {
  const question = { name: 'checkout.example.test', type: 'A' as const };
  expect((await askUdp(server.dnsPort, question)).additionals).toMatchObject([{ type: 'OPT' }]);
  expect((await askUdp(server.dnsPort, question, false)).additionals).toEqual([]);
});

test('an answer that does not fit is cut over UDP and whole over TCP', async () => {
  const question = { name: 'large.example.test', type: 'TXT' as const };
  expect(await askUdp(server.dnsPort, question)).toMatchObject({ flag_tc: true, answers: [] });
  expect(await resolver.resolveTxt('large.example.test')).toHaveLength(20);
});

test('several queries on one TCP connection are answered in order', async () => {
  const query = (id: number, name: string) =>
    encode({ type: 'query', id, questions: [{ name, type: 'A' }] });
  const answers = await askTcp(server.dnsPort, [
    query(1, 'checkout.example.test'),
    query(2, 'nobody.example.test'),
  ]);
  expect(answers).toMatchObject([
    { id: 1, rcode: 'NOERROR' },
    { id: 2, rcode: 'NXDOMAIN' },
  ]);
});

test('what is no query is dropped, and the server goes on', async () => {
  const questions = [{ name: 'checkout.example.test', type: 'A' as const }];
  const garbage = [Buffer.from([1]), Buffer.alloc(12, 0xff), Buffer.from('GET / HTTP/1.1\r\n\r\n')];
  const reply = decode(
    await sendUdp(server.dnsPort, ...garbage, encode({ type: 'query', id: 4242, questions })),
  );
  expect(reply).toMatchObject({ id: 4242, rcode: 'NOERROR' });
});

test('the serial of the SOA grows with every change, and the change is served at once', async () => {
  const before = (await resolver.resolveSoa('example.test')).serial;
  expect((await upsert(['127.0.5.1'])).status).toBe(200);
  expect(await resolver.resolve4('moving.example.test')).toEqual(['127.0.5.1']);
  expect((await upsert(['127.0.5.2', '127.0.5.3'])).status).toBe(200);
  expect((await resolver.resolve4('moving.example.test')).sort()).toEqual([
    '127.0.5.2',
    '127.0.5.3',
  ]);
  expect((await resolver.resolveSoa('example.test')).serial).toBe(before + 2);
});

test('a batch that is refused changes nothing and says so in XML', async () => {
  const before = (await resolver.resolveSoa('example.test')).serial;
  const refused = await upsert(['not-an-address']);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain('<Code>InvalidChangeBatch</Code>');
  expect((await resolver.resolveSoa('example.test')).serial).toBe(before);
});
