import { expect, it } from 'vitest';
import type { ExpiredLease } from '../messages.ts';
import { eastAsks, type FakeDatabase, failOnce, ofRun, pairOfGuards } from './guard.fixture.ts';

/** Strict mode: the right to write is a lease. */

const strictPair = () => pairOfGuards({ writerFence: 'strict' });
const expired: ExpiredLease = {
  ...({ kind: 'expired', region: 'east', epoch: 1, token: 5 } as const),
  ...{ leaseMs: 10_000, driftBound: 0.01, waitedMs: 10_100 },
};
const code = (expected: string) => expect.objectContaining({ code: expected });

/** Longest time without the right to write, ms, checked every 10 ms. */
async function longestGapMs(
  database: FakeDatabase,
  { clock }: { clock: ReturnType<typeof pairOfGuards>['clock'] },
  forMs: number,
): Promise<number> {
  let longest = 0;
  for (let ms = 0, gap = 0; ms < forMs; ms += 10) {
    await clock.advance(10);
    gap = database.writable(true) ? 0 : gap + 10;
    longest = Math.max(longest, gap);
  }
  return longest;
}

it('a store that hangs until its deadline costs a healthy writer nothing: the wait is no sleep', async () => {
  const pair = strictPair();
  const end = pair.watch();
  await pair.clock.advance(3_000);
  Object.assign(pair.link, { store: false, silentMs: 2_000, peerMs: 80 });
  expect(await longestGapMs(pair.databases.east, pair, 60_000)).toBe(0);
  await end();
});

it('a new writer asks at once, and writes as soon as the store has opened its epoch', async () => {
  const pair = strictPair();
  const { guards, clock, store, databases, watch } = pair;
  const end = watch();
  await clock.advance(2_990);
  const proof = await guards.east.fence({ ...ofRun(5), openTransactionsMs: 0, deadlineMs: 10_000 });
  await guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null });
  Object.assign(store, { epoch: 2, active: 'west' });
  expect(await longestGapMs(databases.west, pair, 1_000)).toBeLessThanOrEqual(60);
  await end();
});

it('a promotion that was refused in the end does not keep this guard from promising again', async () => {
  const { guards, clock, databases, link, watch } = strictPair();
  const end = watch();
  await clock.advance(3_000);
  const promoted = guards.west.promote({ ...ofRun(5), epoch: 2, proof: expired, lossy: null });
  const refused = expect(promoted).rejects.toEqual(code('token-too-old'));
  await guards.west.renounce(ofRun(6));
  await refused;
  await clock.advance(15_000);
  link.store = false;
  await clock.advance(60_000);
  expect(databases.east.writable(true)).toBe(true);
  await end();
});

it('a guard that restarts counts a whole longest promise again', async () => {
  const { clock, disks, link, restart, watch, databases } = strictPair();
  const end = watch();
  await clock.advance(3_000);
  link.store = false;
  await clock.advance(5_000);
  expect(disks.west.promised).toBe(1);
  await end();
  const west = restart('west');
  const promote = () => west.promote({ ...ofRun(5), epoch: 2, proof: expired, lossy: null });
  await expect(promote()).rejects.toEqual(code('promise-stands'));
  await clock.advance(29_000);
  const promoted = promote();
  await clock.until(promoted);
  expect(clock.monotonicMs()).toBeGreaterThanOrEqual(8_000 + 30_300);
  expect(databases.west.role).toBe('primary');
});

it('promises end when they are asked to: none is new, and it is told how long those stand', async () => {
  const { clock, guards, link, watch, databases } = strictPair();
  const end = watch();
  await clock.advance(3_000);
  link.store = false;
  await clock.advance(5_000);
  const { leftMs } = await guards.west.endPromises(ofRun(5));
  expect(leftMs).toBeGreaterThan(5_000);
  await clock.advance(leftMs + 1);
  expect(await guards.west.endPromises(ofRun(5))).toEqual({ leftMs: 0 });
  // By then the writer has lost its right to write, as it counts.
  expect(databases.east.writable(true)).toBe(false);
  await expect(guards.west.endPromises(ofRun(4))).rejects.toEqual(code('token-too-old'));
  await end();
});

it('an override does not wait for promises', async () => {
  const { clock, guards, link, watch, databases } = strictPair();
  const end = watch();
  await clock.advance(3_000);
  link.store = false;
  await clock.advance(5_000);
  const proof = { kind: 'overridden', by: 'ana', reason: 'east burns' } as const;
  await guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: { sequenceAdvance: 1 } });
  expect(databases.west.role).toBe('primary');
  await end();
});

it.each([
  ['counts with less drift than is possible', { driftBound: 0, waitedMs: 10_000 }],
  ['waited for less than its lease may last', { waitedMs: 10_099 }],
  ["is another epoch's", { epoch: 2 }],
  ["is another controller's", { token: 4 }],
  ['is about the side that is to be promoted', { region: 'west' }],
  ['is about a third region', { region: 'north' }],
])('the end of a lease is no proof when it %s', async (_what, change) => {
  const { guards, databases } = strictPair();
  const proof = { ...expired, ...change };
  await expect(guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null })).rejects.toEqual(
    code('proof-not-accepted'),
  );
  expect(databases.west.role).toBe('standby');
});

it('a promise is given by a guard whose database does not answer, and by none that has accepted', async () => {
  const { guards, databases, disks } = strictPair();
  const ask = { pair: eastAsks, epoch: 1, leaseMs: 10_000 };
  failOnce(databases.west, 'look');
  expect(await guards.west.promise(ask)).toEqual({ kind: 'promised' });
  disks.west = { ...disks.west, accepted: { token: 5, epoch: 2, sequenceAdvance: null } };
  expect(await guards.west.promise(ask)).toMatchObject({ kind: 'refused' });
});
