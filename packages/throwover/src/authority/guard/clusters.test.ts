import { positionOf } from '@throwover/client';
import { expect, it } from 'vitest';
import { noClusterMemory } from '../cluster.ts';
import { agreed, ofRun, pairOfGuards } from './guard.fixture.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const overridden = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;
const command = { ...ofRun(5), epoch: 2, proof: overridden, lossy: null };

/**
 * West's database is replaced, as after an initdb elsewhere, and is further on in its log than
 * everything here.
 */
function replaceWest({ databases }: ReturnType<typeof pairOfGuards>) {
  Object.assign(databases.west, { identifier: '9999', lsn: 0xffffff });
}

it('refuses a standby of another cluster for good with this token, an override included', async () => {
  const pair = pairOfGuards();
  const { guards, databases, disks, link } = pair;
  await guards.west.tick();
  replaceWest(pair);
  link.peers = false;
  for (const [token, unknownCluster] of [
    [5, false],
    [6, true],
  ] as const) {
    const asked = { ...command, ...ofRun(token), unknownCluster };
    await expect(guards.west.promote(asked)).rejects.toEqual(code('cluster-different'));
    await expect(guards.west.promote(asked)).rejects.toEqual(code('token-renounced'));
  }
  expect(databases.west.role).toBe('standby');
  expect(disks.west.cluster.agreed?.identifier).toBe('7001');
  expect(await guards.west.status()).toMatchObject({
    clusterVerdict: { is: 'different', why: 'other-identifier' },
  });
});

it('takes an unknown cluster with its override alone', async () => {
  const { guards, disks, link, databases } = pairOfGuards();
  link.peers = false;
  disks.west = { ...disks.west, cluster: noClusterMemory };
  await expect(guards.west.promote(command)).rejects.toEqual(code('cluster-unknown'));
  await guards.west.promote({ ...command, ...ofRun(50), unknownCluster: true });
  expect(databases.west.role).toBe('primary');
});

it('agrees by itself while both answer, keeps it over a restart, and agrees anew after an upgrade of both', async () => {
  const { guards, disks, link, databases, restart } = pairOfGuards();
  disks.west = { ...disks.west, cluster: noClusterMemory };
  await guards.west.tick();
  expect(disks.west.cluster).toMatchObject({
    agreed: { identifier: '7001', by: { kind: 'both' } },
    streamedFrom: '7001',
  });
  link.peers = false;
  expect((await restart('west').status()).clusterVerdict).toMatchObject({ is: 'same', by: 'kept' });

  link.peers = true;
  for (const database of Object.values(databases)) database.identifier = '7002';
  databases.west.streaming = false;
  databases.east.streaming = false;
  await guards.west.tick();
  expect((await guards.west.status()).clusterVerdict).toMatchObject({ is: 'unknown' });
  databases.west.streaming = true;
  databases.east.streaming = true;
  await guards.west.tick();
  expect(disks.west.cluster.agreed?.identifier).toBe('7002');
});

it('believes no answer from before the database here was replaced', async () => {
  const pair = pairOfGuards();
  const { clock, guards, disks, link } = pair;
  link.peerMs = 300;
  const round = guards.west.tick();
  replaceWest(pair);
  await clock.until(round);
  expect(disks.west.cluster.agreed?.identifier).toBe('7001');
  expect((await guards.west.status()).clusterVerdict.is).toBe('different');
});

it('ends no promotion that was accepted on another data directory, and does once the right one is back', async () => {
  const pair = pairOfGuards();
  const { guards, databases, disks, link } = pair;
  link.peers = false;
  disks.west = { ...disks.west, accepted: { token: 5, epoch: 2, sequenceAdvance: null } };
  replaceWest(pair);
  await guards.west.tick();
  await expect(guards.west.promote(command)).rejects.toEqual(code('promotion-refused'));
  expect(databases.west.role).toBe('standby');
  databases.west.identifier = '7001';
  await guards.west.tick();
  expect(databases.west.role).toBe('primary');
});

it('neither attaches nor salvages a database of another cluster, or one that was restored elsewhere', async () => {
  const { guards, databases, disks } = pairOfGuards();
  const promotion = await guards.west.promote(command);
  await guards.east.tick();
  expect(disks.east.closed?.by).toBe('newer-epoch');
  const attach = () =>
    guards.east.attach({ ...ofRun(100), epoch: 2, upstream: 'west', promotion, discards: true });
  const salvage = () =>
    guards.east.salvage({
      ...{ ...ofRun(100), epoch: 2, switchPosition: promotion.switchPosition },
      ...{ from: 0, limit: 10 },
    });
  for (const change of [
    { identifier: '9999' },
    { identifier: '7001', timeline: 3, left: [positionOf(1, '0/5'), positionOf(2, '0/6')] },
  ]) {
    Object.assign(databases.east, change);
    await expect(attach()).rejects.toEqual(code('cluster-different'));
    expect(databases.east.role).toBe('primary');
  }
  databases.east.identifier = '9999';
  await guards.east.tick();
  await expect(salvage()).rejects.toEqual(code('cluster-different'));

  Object.assign(databases.east, { identifier: '7001', timeline: 1, left: [] });
  await guards.east.tick();
  expect(await salvage()).toMatchObject({ state: 'complete' });
  expect(await attach()).toMatchObject({ way: 'as-is' });
});

it('takes a cluster by name while the other side is away and no run is open', async () => {
  const pair = pairOfGuards();
  const { guards, databases, disks, link, store, events } = pair;
  databases.west.identifier = '8000';
  const accept = (identifier: string) => guards.west.acceptCluster({ identifier, by: 'ana' });
  await expect(accept('8000')).rejects.toEqual(code('cluster-not-accepted'));
  link.peers = false;
  await expect(accept('7001')).rejects.toEqual(code('cluster-not-accepted'));
  store.openRun = 'run-1';
  await expect(accept('8000')).rejects.toEqual(code('cluster-not-accepted'));
  store.openRun = null;
  disks.west = {
    ...disks.west,
    closed: { by: 'fence', run: 'run-1', token: 1, deadlineMs: null, position: null },
  };
  await expect(accept('8000')).rejects.toEqual(code('cluster-not-accepted'));
  link.store = false;
  await expect(accept('8000')).rejects.toEqual(code('store-away'));
  link.store = true;
  disks.west = { ...disks.west, closed: null, cluster: agreed('7001') };

  await accept('8000');
  expect(disks.west.cluster.agreed).toMatchObject({
    identifier: '8000',
    by: { kind: 'person', who: 'ana' },
  });
  expect(events).toContainEqual({ type: 'cluster-accepted', identifier: '8000', by: 'ana' });
  await guards.west.promote({ ...command, ...ofRun(200) });
  expect(databases.west.role).toBe('primary');
});
