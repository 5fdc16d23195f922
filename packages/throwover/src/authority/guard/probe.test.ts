import { expect, it } from 'vitest';
import { ThrowoverError } from '../../kernel/kernel.ts';
import { pairOfGuards } from './guard.fixture.ts';
const broken = () => new ThrowoverError('database-refused', { disposition: 'retry', notLost: '', remedy: '' }, 'no');
const fenceOf = (token: number, deadlineMs: number | null = 10_000) => ({ token, openTransactionsMs: 0, deadlineMs });
const once = (object: any, method: string, after = false) => {
  const real = object[method].bind(object);
  object[method] = async (...input: unknown[]) => { object[method] = real; if (after) await real(...input); throw broken(); };
};
it('A own acceptance told by the peer', async () => {
  const { guards, databases, clock, watch, restart, store } = pairOfGuards();
  const end1 = watch();
  await clock.advance(2000);
  await end1();
  const proof = await guards.east.fence(fenceOf(5));
  databases.west.lsn = databases.east.lsn;
  once(databases.west, 'recordPromotion');
  await guards.west.promote({ token: 5, epoch: 2, proof, lossy: null }).catch((e) => console.log(e.message));
  // east asks
  const r = await guards.west.renounceForPeer(5);
  await guards.west.word({ epoch: 2, active: 'west' });
  restart('west');
  const end = watch();
  await clock.advance(3000);
  console.log('A', (await guards.west.status()).promotion, store);
  await end();
  expect((await guards.west.status()).promotion?.epoch).toBe(2);
});
it('N open fails once after unfence', async () => {
  const { guards, databases, clock, watch } = pairOfGuards();
  const end = watch();
  await guards.east.fence(fenceOf(5));
  once(databases.east, 'open');
  await clock.advance(30_000);
  await end();
  expect(databases.east.writable()).toBe(true);
});
it('N close fails once at a newer epoch', async () => {
  const { guards, databases, clock, watch } = pairOfGuards();
  const end = watch();
  await clock.advance(2000);
  once(databases.east, 'close');
  await guards.west.promote({ token: 5, epoch: 2, proof: { kind: 'overridden', by: 'a', reason: 'b' }, lossy: { sequenceAdvance: 1 } });
  await clock.advance(30_000);
  await end();
  expect(databases.east.writable()).toBe(false);
});
it('N open fails once at the end of a lossy promotion', async () => {
  const { guards, databases, clock, watch } = pairOfGuards();
  const end = watch();
  once(databases.west, 'open');
  const c = { token: 5, epoch: 2, proof: { kind: 'overridden', by: 'a', reason: 'b' }, lossy: { sequenceAdvance: 1 } } as const;
  await guards.west.promote(c).catch((e) => console.log(e.message));
  await guards.west.promote(c);
  await clock.advance(30_000);
  await end();
  expect(databases.west.writable()).toBe(true);
});
it('G a fence whose promotion was accepted is not opened', async () => {
  const { guards, databases, disks } = pairOfGuards();
  await guards.east.fence(fenceOf(5));
  disks.east = { ...disks.east, known: { epoch: 2, active: 'west' } };
  await expect(guards.east.unfence({ token: 6, proof: { kind: 'never-asked', token: 6 } })).rejects.toThrow();
  expect(databases.east.writable()).toBe(false);
});
it('C sync flap', async () => {
  const { databases, clock, watch } = pairOfGuards({ durability: 'synchronous' });
  const end = watch();
  await clock.advance(3000);
  databases.east.streaming = false;
  await clock.advance(10_000);
  expect(databases.east.synchronous).toBe(false);
  databases.east.streaming = true; databases.east.lag = 1000;
  await clock.advance(3000);
  expect(databases.east.synchronous).toBe(true);
  databases.east.streaming = false;
  await clock.advance(30_000);
  await end();
  expect(databases.east.synchronous).toBe(false);
});
it('D strict gap after promotion', async () => {
  const { guards, databases, clock, watch, store } = pairOfGuards({ writerFence: 'strict' });
  const end = watch();
  await clock.advance(2990);
  const proof = await guards.east.fence(fenceOf(5));
  await guards.west.promote({ token: 5, epoch: 2, proof, lossy: null });
  Object.assign(store, { epoch: 2, active: 'west' });
  let ms = 0;
  while (!databases.west.writable(true)) { await clock.advance(10); ms += 10; if (ms > 5000) break; }
  await end();
  expect(ms).toBeLessThanOrEqual(100);
});
it('E closing for ever', async () => {
  const { guards, databases, clock, watch, link, store } = pairOfGuards({ writerFence: 'strict' });
  const end = watch();
  await clock.advance(3000);
  const proof = { kind: 'expired', region: 'east', epoch: 1, token: 5, leaseMs: 10_000, driftBound: 0.01, waitedMs: 10_100 } as const;
  // refused later by a renounced token
  const p = guards.west.promote({ token: 5, epoch: 2, proof: { ...proof }, lossy: null });
  void p.catch(() => {});
  await guards.west.renounce(6);
  await clock.advance(1000);
  await p.catch((e) => console.log(e.code));
  await clock.advance(60_000);
  expect(databases.west.role).toBe('standby');
  link.store = false;
  await clock.advance(60_000);
  await end();
  expect(databases.east.writable(true)).toBe(true);
});
