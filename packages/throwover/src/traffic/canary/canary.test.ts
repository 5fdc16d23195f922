import { Resolver } from 'node:dns/promises';
import { decode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isThrowoverError, systemClock } from '../../kernel/kernel.ts';
import { createVirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { askTcp, askUdp, opt, queryOf, testZone, zone } from './canary.fixture.ts';
import { type RunningCanary, startCanary } from './canary.ts';
import { rateLimit } from './rate-limit.ts';
import { canaryResponder } from './respond.ts';
import { SeenLog } from './seen.ts';
import { readFrom, readStamp, writeA } from './stamp.ts';

const long = `t60.abcdefghijklmnop.g.${zone}`;

describe('what is answered', () => {
  const clock = createVirtualClock();
  const counters = { queries: 0, answered: 0, truncated: 0, refused: 0, limited: 0, dropped: 0 };
  const seen = new SeenLog(clock);
  const respond = canaryResponder({
    zone: testZone,
    clock,
    permit: () => 'answer',
    seen,
    counters,
  });
  const over = (transport: 'udp' | 'tcp') => (query: Buffer) => {
    const reply = respond(query, '198.51.100.7', transport);
    if (reply === null) throw new Error('nothing was said');
    return decode(reply);
  };
  const udp = over('udp');
  const tcp = over('tcp');

  test('a stamp with the TTL that the name asks for, in all three types', () => {
    const [aaaa] = udp(queryOf(long, 'AAAA')).answers ?? [];
    expect(aaaa).toMatchObject({ type: 'AAAA', ttl: 60, name: long });
    const nowMs = clock.wallMs();
    expect(readStamp(aaaa?.type === 'AAAA' ? aaaa.data : '', nowMs)).toEqual({
      wallMs: nowMs,
      resolutionMs: 1,
    });
    const [a] = udp(queryOf(long, 'A')).answers ?? [];
    expect(readStamp(a?.type === 'A' ? a.data : '', nowMs)).toEqual({
      wallMs: nowMs,
      resolutionMs: 1_000,
    });
    const [txt] = tcp(queryOf(long, 'TXT')).answers ?? [];
    const said = txt?.type === 'TXT' ? String(txt.data) : '';
    expect(said).toBe(`g=${nowMs / 1_000} t=${nowMs} from=198.51.100.7`);
    expect(readFrom(said)).toBe('198.51.100.7');
  });

  test.each([
    [`x.g.${zone}`, 5],
    [`t0.x.g.${zone}`, 0],
    [`T7.x.g.${zone}`, 7],
    [`t999999.x.g.${zone}`, 604_800],
    [`t60x.x.g.${zone}`, 5],
    [`a.b.c.d.g.${zone}`, 5],
    [`x.b.${zone}`, 5],
  ])('%s has TTL %d', (name, ttl) => {
    expect(tcp(queryOf(name, 'A')).answers).toMatchObject([{ type: 'A', ttl }]);
  });

  test('the letters of the question come back as they were asked', () => {
    const mixed = long.toUpperCase().replace('CANARY', 'cAnArY');
    const reply = udp(queryOf(mixed, 'A'));
    expect(reply.questions).toMatchObject([{ name: mixed }]);
    expect(reply.answers).toMatchObject([{ name: mixed }]);
  });

  test('a name with an end is answered until then, and fails afterwards', async () => {
    const until = clock.wallMs() / 1_000 + 10;
    const name = `t5-u${until}.abcdefghijklmnop.g.${zone}`;
    await clock.advance(9_999);
    expect(udp(queryOf(name, 'A'))).toMatchObject({ rcode: 'NOERROR', answers: [{ ttl: 5 }] });
    await clock.advance(1);
    expect(udp(queryOf(name, 'A'))).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
  });

  test('nothing of a type, and nothing of a name, with the SOA to remember it by', () => {
    const noData = tcp(queryOf(long, 'MX'));
    expect(noData).toMatchObject({ rcode: 'NOERROR', flag_aa: true, answers: [] });
    expect(noData.authorities).toMatchObject([
      { type: 'SOA', name: zone, data: { mname: `ns1.${zone}`, minimum: 3_600 } },
    ]);
    const noName = tcp(queryOf(`nobody.${zone}`, 'A'));
    expect(noName).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ type: 'SOA', name: zone }] });
    for (const branch of ['g', 'b']) {
      expect(tcp(queryOf(`${branch}.${zone}`, 'A'))).toMatchObject({
        rcode: 'NOERROR',
        answers: [],
      });
    }
  });

  test('the zone says who serves it', () => {
    expect(tcp(queryOf(zone, 'NS')).answers).toMatchObject([
      { type: 'NS', data: `ns1.${zone}` },
      { type: 'NS', data: 'ns2.example.net' },
    ]);
    expect(tcp(queryOf(zone, 'SOA')).answers).toMatchObject([{ type: 'SOA', name: zone }]);
    expect(tcp(queryOf(`ns1.${zone}`, 'A')).answers).toMatchObject([{ data: '192.0.2.1' }]);
    expect(tcp(queryOf(`ns1.${zone}`, 'AAAA')).answers).toMatchObject([{ data: '2001:db8::1' }]);
  });

  test.each([
    ['another zone', queryOf('example.com', 'A'), 'REFUSED'],
    ['the zone inside of a label', queryOf(`x${zone}`, 'A'), 'REFUSED'],
    ['the parent', queryOf('example.test', 'SOA'), 'REFUSED'],
    ['another class', queryOf(long, 'A', { class: 'CH' }), 'REFUSED'],
    ['a transfer', queryOf(zone, 'AXFR'), 'REFUSED'],
  ])('%s is refused', (_, query, rcode) => {
    expect(udp(query)).toMatchObject({ rcode, flag_aa: false, answers: [], authorities: [] });
  });

  test('ANY gets one small record (RFC 8482)', () => {
    // dns-packet has no number for ANY, so the type in a query for A is overwritten.
    const query = queryOf(long, 'A');
    query.writeUInt16BE(255, 12 + long.length + 2);
    const reply = udp(query);
    expect(reply.answers).toMatchObject([{ type: 'HINFO', data: { cpu: 'RFC8482', os: '' } }]);
  });

  test('EDNS0: version 0 alone, DO copied, nothing unasked', () => {
    expect(udp(queryOf(long, 'A', { edns: null })).additionals).toEqual([]);
    expect(udp(queryOf(long, 'A', { edns: opt({ flags: 0x8000 }) })).additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1_232, flag_do: true },
    ]);
    const bad = udp(queryOf(long, 'A', { edns: opt({ ednsVersion: 1 }) }));
    expect(bad).toMatchObject({
      rcode: 'NOERROR',
      additionals: [{ extendedRcode: 1 }],
      answers: [],
    });
  });

  test('no query is an answer to an answer, and what cannot be read is said so', () => {
    const answer = queryOf(long, 'A');
    answer.writeUInt16BE(0x8180, 2);
    expect(respond(answer, '198.51.100.7', 'udp')).toBeNull();
    expect(respond(Buffer.alloc(11), '198.51.100.7', 'udp')).toBeNull();
    const cut = queryOf(long, 'A', { edns: null }).subarray(0, 30);
    expect(udp(Buffer.from(cut))).toMatchObject({ rcode: 'FORMERR', questions: [] });
    const update = queryOf(long, 'A');
    update.writeUInt16BE(5 << 11, 2);
    expect(udp(update)).toMatchObject({ rcode: 'NOTIMP' });
    const pointer = Buffer.concat([
      queryOf('a', 'A', { edns: null }).subarray(0, 12),
      Buffer.from([0xc0, 12, 0, 1, 0, 1]),
    ]);
    expect(udp(pointer)).toMatchObject({ rcode: 'FORMERR' });
  });

  test.each(['A', 'AAAA', 'TXT', 'SOA', 'NS', 'MX'] as const)(
    'over UDP no answer of type %s is more than 1.5 times its question; the rest is cut and comes over TCP',
    (type) => {
      let cut = 0;
      for (let length = 1; length <= 60; length += 1) {
        for (const edns of [null, opt()]) {
          for (const name of [`${'x'.repeat(length)}.g.${zone}`, zone, `g.${zone}`]) {
            const query = queryOf(name, type, { edns });
            const reply = respond(query, '198.51.100.7', 'udp');
            if (reply === null) throw new Error('nothing was said');
            expect(reply.length).toBeLessThanOrEqual(1.5 * query.length);
            if (!decode(reply).flag_tc) continue;
            cut += 1;
            expect(decode(reply).answers).toEqual([]);
            expect(tcp(query)).toMatchObject({ flag_tc: false, rcode: 'NOERROR' });
          }
        }
      }
      expect(cut).toBeGreaterThan(0);
    },
  );

  test('a beacon is remembered by who asked first, for ten minutes', async () => {
    udp(queryOf(`Nonce-1.b.${zone}`, 'A'));
    respond(queryOf(`nonce-1.b.${zone}`, 'A'), '203.0.113.9', 'udp');
    expect(seen.get('nonce-1')).toMatchObject({ resolver: '198.51.100.7' });
    expect(seen.get('NONCE-1')).toEqual(seen.get('nonce-1'));
    expect(seen.get('nonce-2')).toBeNull();
    await clock.advance(600_001);
    expect(seen.get('nonce-1')).toBeNull();
  });
});

test('an A is read as the newest of its periods', () => {
  const address = (wallMs: number) => {
    const bytes = Buffer.alloc(4);
    writeA(bytes, 0, wallMs);
    return bytes.join('.');
  };
  const nowMs = 1_767_225_600_000;
  for (const ageMs of [0, 1_000, 3_600_000, 36 * 3_600_000]) {
    expect(readStamp(address(nowMs - ageMs), nowMs)?.wallMs).toBe(nowMs - ageMs);
  }
  // The server's clock is ahead.
  expect(readStamp(address(nowMs + 30_000), nowMs)?.wallMs).toBe(nowMs + 30_000);
  expect(readStamp('192.0.2.1', nowMs)).toBeNull();
  expect(readStamp('2001:db8::1', nowMs)).toBeNull();
});

test('a network over its rate gets TC every other time, others are answered, and a second later all are', async () => {
  const clock = createVirtualClock();
  const permit = rateLimit({ perSecond: 10, clock });
  const said = (address: string) => permit(address);
  const first = Array.from({ length: 10 }, (_, index) => said(`192.0.2.${index}`));
  expect(new Set(first)).toEqual(new Set(['answer']));
  expect([said('192.0.2.250'), said('192.0.2.1'), said('192.0.2.2')]).toEqual([
    'drop',
    'slip',
    'drop',
  ]);
  expect(said('192.0.3.1')).toBe('answer');
  expect(said('2001:db8:0:1::1')).toBe('answer');
  for (let asked = 0; asked < 9; asked += 1) said('2001:db8:0:ff::1');
  expect(said('2001:db8:0:2::1')).toBe('drop');
  expect(said('2001:db8:0:100::1')).toBe('answer');
  await clock.advance(1_000);
  expect(said('192.0.2.250')).toBe('answer');
});

describe('over real sockets', () => {
  let canary: RunningCanary;
  beforeEach(async () => {
    const options = { zone: testZone, host: '127.0.0.1', port: 0, answersPerSecond: 20 };
    canary = await startCanary({ ...options, clock: systemClock });
  });
  afterEach(() => canary.close());

  test('a stub resolver gets a stamp of now, and the long answer over TCP', async () => {
    const resolver = new Resolver({ timeout: 5_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${canary.port}`]);
    const before = systemClock.wallMs();
    const [answer] = await resolver.resolve6(long, { ttl: true });
    const stamp = readStamp(answer?.address ?? '', systemClock.wallMs());
    expect(answer?.ttl).toBe(60);
    expect(stamp?.wallMs).toBeGreaterThanOrEqual(Math.floor(before));
    expect(stamp?.wallMs).toBeLessThanOrEqual(systemClock.wallMs());
    const [strings] = await resolver.resolveTxt(long);
    expect(readFrom((strings ?? []).join(''))).toBe('127.0.0.1');
    expect(canary.status().counters).toMatchObject({ truncated: 1, refused: 0 });
  });

  test('several questions on one connection are answered in order; one that is no query ends it', async () => {
    const ids = [5, 6, 7];
    const replies = await askTcp(
      canary.port,
      ids.map((id) => queryOf(long, 'A', { id })),
    );
    expect(replies.map(({ id }) => id)).toEqual(ids);
    expect(await askTcp(canary.port, [Buffer.alloc(4)])).toEqual([]);
  });

  test('who floods is limited over UDP and still served over TCP', async () => {
    const { createSocket } = await import('node:dgram');
    const socket = createSocket('udp4');
    for (let id = 0; id < 400; id += 1)
      socket.send(queryOf(long, 'A', { id }), canary.port, '127.0.0.1');
    await expect.poll(() => canary.status().counters.queries).toBeGreaterThan(300);
    socket.close();
    expect(canary.status().counters.limited).toBeGreaterThan(200);
    expect(await askTcp(canary.port, [queryOf(long, 'A')])).toMatchObject([{ rcode: 'NOERROR' }]);
  });

  test('a port that is taken is told', async () => {
    const options = { zone: testZone, host: '127.0.0.1', port: canary.port, answersPerSecond: 20 };
    const error = await startCanary({ ...options, clock: systemClock }).catch((thrown) => thrown);
    expect(isThrowoverError(error, 'canary-listen-failed')).toBe(true);
  });

  test('bytes of the question come back over UDP', async () => {
    const query = queryOf(long, 'A');
    const reply = await askUdp(canary.port, query);
    expect(reply.subarray(12, 12 + long.length + 6)).toEqual(
      query.subarray(12, 12 + long.length + 6),
    );
  });
});
