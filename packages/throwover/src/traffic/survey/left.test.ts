import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../kernel/kernel.ts';
import { testZone, zone } from '../canary/canary.fixture.ts';
import { startCanary } from '../canary/canary.ts';
import { answersLeft } from './left.ts';

let canary: Awaited<ReturnType<typeof startCanary>>;
beforeAll(async () => {
  const where = { host: '127.0.0.1', port: 0, answersPerSecond: null };
  canary = await startCanary({ zone: testZone, ...where, clock: systemClock });
});
afterAll(() => canary.close());

test('what each says to be left, by the server that said it; who does not answer is left out', async () => {
  const server = `127.0.0.1:${canary.port}`;
  // Nobody listens at the discard port.
  const left = await answersLeft([server, '127.0.0.1:9'], { name: `t7.x.g.${zone}`, type: 'AAAA' });
  expect([...left]).toEqual([[server, 7_000]]);
  expect(await answersLeft([server], { name: 'elsewhere.example', type: 'A' })).toEqual(new Map());
});

test('an alias tells no TTL, and is not asked for', async () => {
  const server = `127.0.0.1:${canary.port}`;
  expect(await answersLeft([server], { name: `x.g.${zone}`, type: 'CNAME' })).toEqual(new Map());
});
