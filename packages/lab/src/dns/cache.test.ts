import { decode } from 'dns-packet';
import { systemClock } from 'throwover/kernel';
import { beforeEach, describe, expect, test } from 'vitest';
import { answerFrom, encodeReply } from './answer.ts';
import { type Behaviour, cachePolicy } from './behaviour.ts';
import { ResolverCache } from './cache.ts';
import { Zone } from './zone.ts';

/** A minute of life time is a second here, as in the lab; all on virtual time. */
const timeScale = 60;
const question = { name: 'checkout.example.test', type: 'A' as const };

let nowMs: number;
let zone: Zone;
let up: boolean;
let looks: number;

beforeEach(() => {
  nowMs = 1_000_000;
  up = true;
  looks = 0;
  // A TTL of 120 s of life time: 2 s here.
  const record = {
    name: 'checkout.example.test',
    type: 'A' as const,
    ttl: 120,
    values: ['127.0.1.1'],
  };
  zone = new Zone({
    id: 'Z',
    name: 'example.test',
    callerReference: '',
    records: [record],
    serial: 1,
  });
});

function resolver(behaviour: Behaviour, holdSeconds?: number) {
  const cache = new ResolverCache({
    policy: cachePolicy({ behaviour, holdSeconds, timeScale }),
    clock: { ...systemClock, monotonicMs: () => nowMs },
    upstream: async (asked) => {
      looks += 1;
      if (!up) throw new Error('no answer');
      const reply = answerFrom([zone], asked, timeScale);
      const packet = { type: 'query' as const, id: 1, questions: [asked] };
      return decode(encodeReply(packet, reply, { transport: 'tcp', recursionAvailable: false }));
    },
  });
  return async () => {
    const { rcode, answers } = await cache.resolve(question);
    const [first] = answers;
    return first?.type === 'A' ? { address: first.data, ttl: first.ttl } : rcode;
  };
}

function flip() {
  const old = zone.get('checkout.example.test', 'A');
  if (old === undefined) throw new Error('no record');
  zone.change([{ action: 'UPSERT', set: { ...old, values: ['127.0.2.1'] } }]);
}

/** Waits a turn of the event loop, for background work after an answer. */
const behind = () => new Promise((resolve) => setImmediate(resolve));

describe('a flip right after caching is seen when the behaviour says, and not before', () => {
  const cases: [Behaviour, number | undefined, number][] = [
    ['honest', undefined, 2_000],
    ['clamped', undefined, 5_000],
    ['clamped', 600, 10_000],
    ['clamped', 30, 2_000],
    ['long-hold', undefined, 15_000],
    ['serve-stale', undefined, 2_000],
  ];
  test.each(cases)('%s, hold %s s: %d ms', async (behaviour, holdSeconds, heldMs) => {
    const ask = resolver(behaviour, holdSeconds);
    expect(await ask()).toMatchObject({ address: '127.0.1.1' });
    flip();
    nowMs += heldMs - 1;
    expect(await ask()).toMatchObject({ address: '127.0.1.1' });
    expect(looks).toBe(1);
    nowMs += 1;
    expect(await ask()).toMatchObject({ address: '127.0.2.1' });
    expect(looks).toBe(2);
  });
});

test('the TTL is counted down, a clamped one from the clamp', async () => {
  const ask = resolver('clamped');
  expect(await ask()).toMatchObject({ ttl: 5 });
  nowMs += 2_500;
  expect(await ask()).toMatchObject({ ttl: 3 });
  nowMs += 2_499;
  expect(await ask()).toMatchObject({ ttl: 1 });
});

test('serve-stale answers while the server is away, asks it only now and then, and comes back', async () => {
  const ask = resolver('serve-stale');
  await ask();
  up = false;
  nowMs += 10_000;
  expect(await ask()).toEqual({ address: '127.0.1.1', ttl: 1 });
  expect(await ask()).toEqual({ address: '127.0.1.1', ttl: 1 });
  expect(looks).toBe(2);
  flip();
  up = true;
  nowMs += 500;
  expect(await ask()).toMatchObject({ address: '127.0.2.1' });
});

test('serve-stale ends after a day of life', async () => {
  const ask = resolver('serve-stale');
  await ask();
  up = false;
  nowMs += 2_000 + (86_400 / timeScale) * 1_000;
  expect(await ask()).toBe('SERVFAIL');
});

test('honest fails while the server is away', async () => {
  const ask = resolver('honest');
  await ask();
  up = false;
  nowMs += 2_000;
  expect(await ask()).toBe('SERVFAIL');
});

test('serve-stale-refresh gives what has ended once more, and asks behind', async () => {
  const ask = resolver('serve-stale-refresh');
  await ask();
  flip();
  nowMs += 60_000;
  expect(await ask()).toEqual({ address: '127.0.1.1', ttl: 1 });
  await behind();
  expect(await ask()).toMatchObject({ address: '127.0.2.1' });
  expect(looks).toBe(2);
});

test('prefetch asks behind when a tenth of the TTL is left, so nobody waits', async () => {
  const ask = resolver('prefetch');
  await ask();
  flip();
  nowMs += 1_790;
  expect(await ask()).toMatchObject({ address: '127.0.1.1' });
  await behind();
  expect(looks).toBe(1);
  nowMs += 20;
  expect(await ask()).toMatchObject({ address: '127.0.1.1' });
  await behind();
  expect(looks).toBe(2);
  expect(await ask()).toMatchObject({ address: '127.0.2.1' });
});

test('many who ask at once cost one look upstream', async () => {
  const ask = resolver('honest');
  await Promise.all(Array.from({ length: 50 }, ask));
  expect(looks).toBe(1);
});
