import { createSocket } from 'node:dgram';
import events from 'node:events';
import { decode, encode } from 'dns-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { testZone, zone } from '../canary/canary.fixture.ts';
import { startCanary } from '../canary/canary.ts';
import { answersLeft } from './left.ts';

const once = { exact: false, clock: systemClock };

let canary: Awaited<ReturnType<typeof startCanary>>;
beforeAll(async () => {
  const where = { host: '127.0.0.1', port: 0, answersPerSecond: null };
  canary = await startCanary({ zone: testZone, ...where, clock: systemClock });
});
afterAll(() => canary.close());

test('what each says to be left, by the server that said it; who does not answer is left out', async () => {
  const server = `127.0.0.1:${canary.port}`;
  // Nothing listens at the discard port.
  const record = { name: `t7.x.g.${zone}`, type: 'AAAA' };
  const left = await answersLeft([server, '127.0.0.1:9'], record, once);
  expect([...left]).toEqual([[server, 7_000]]);
  const elsewhere = { name: 'elsewhere.example', type: 'A' };
  expect(await answersLeft([server], elsewhere, once)).toEqual(new Map());
});

test('an alias tells no TTL, and is not asked for', async () => {
  const server = `127.0.0.1:${canary.port}`;
  expect(await answersLeft([server], { name: `x.g.${zone}`, type: 'CNAME' }, once)).toEqual(
    new Map(),
  );
});

/**
 * Reports these TTLs in turn, s, and the last one from then on; `askedMs`: times of the questions,
 * monotonic.
 */
async function telling(...ttls: readonly [number, ...number[]]) {
  const socket = createSocket('udp4');
  const askedMs: number[] = [];
  socket.on('message', (message, from) => {
    const { id = 0, questions = [] } = decode(message);
    const [{ name } = { name: '' }] = questions;
    const ttl = ttls[Math.min(askedMs.length, ttls.length - 1)] ?? 0;
    askedMs.push(systemClock.monotonicMs());
    const answers = [{ type: 'A' as const, name, ttl, data: '192.0.2.1' }];
    socket.send(encode({ type: 'response', id, questions, answers }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await events.once(socket, 'listening');
  return { server: `127.0.0.1:${socket.address().port}`, askedMs, close: () => socket.close() };
}

test('exact: asked until the second turns, and told from then; one whose second never turns is left out', async () => {
  const [turning, renewed, constant] = [
    await telling(60, 60, 59),
    await telling(1, 300),
    await telling(1),
  ];
  try {
    const servers = [turning, renewed, constant].map(({ server }) => server);
    const record = { name: 'a.example', type: 'A' };
    const left = await answersLeft(servers, record, { exact: true, clock: systemClock });
    const endMs = systemClock.monotonicMs();
    expect([...left.keys()]).toEqual(servers.slice(0, 2));
    expect(turning.askedMs).toHaveLength(3);
    expect(left.get(renewed.server)).toBeGreaterThan(200_000);
    // The second changed between the earlier query and the answer.
    const [, beforeMs = 0] = turning.askedMs;
    expect(left.get(turning.server)).toBeLessThanOrEqual(59_000);
    expect(left.get(turning.server)).toBeGreaterThanOrEqual(beforeMs + 59_000 - endMs);
    expect(constant.askedMs.length).toBeGreaterThan(1);
  } finally {
    for (const { close } of [turning, renewed, constant]) close();
  }
});
