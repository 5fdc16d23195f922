import { positionOf } from '@throwover/client';
import { describe, expect, it } from 'vitest';
import type { Promotion } from '../messages.ts';
import { eastAsks, type FakeDatabase, failOnce, ofRun, pairOfGuards } from './guard.fixture.ts';

/**
 * Commands that were written down and not done, done and not answered, or sent and received much
 * later.
 */

const fenceOf = (token: number) => ({
  ...ofRun(token),
  openTransactionsMs: 0,
  deadlineMs: 10_000,
});
const attachmentTo = (promotion: Promotion) => ({
  ...ofRun(5),
  epoch: 2,
  upstream: 'west',
  promotion,
  discards: true,
});
const code = (expected: string) => expect.objectContaining({ code: expected });
const overridden = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;
const lossy = { proof: overridden, lossy: { sequenceAdvance: 1 } } as const;

describe('an effect that fails after it was written down is repeated', () => {
  it('the opening at the end of a fence: an outage would have no end', async () => {
    const { guards, databases, clock, watch } = pairOfGuards();
    const end = watch();
    await guards.east.fence(fenceOf(5));
    failOnce(databases.east, 'open');
    await clock.advance(13_000);
    expect(databases.east.writable()).toBe(true);
    await end();
  });

  it('the close for a newer epoch: two regions would go on writing', async () => {
    const { guards, databases, clock, watch } = pairOfGuards();
    const end = watch();
    await clock.advance(2_000);
    failOnce(databases.east, 'close');
    await guards.west.promote({ ...ofRun(5), epoch: 2, ...lossy });
    await clock.advance(3_000);
    expect(databases.east.writable()).toBe(false);
    await end();
  });

  it.each(['close', 'promote', 'recordPromotion', 'open'] as const)(
    'each part of a promotion, here %s, with its answer lost or never done',
    async (call) => {
      for (const when of ['before', 'after'] as const) {
        const { guards, databases, clock, watch } = pairOfGuards();
        const end = watch();
        await clock.advance(100);
        failOnce(databases.west, call, when);
        const command = { ...ofRun(5), epoch: 2, ...lossy };
        await expect(guards.west.promote(command)).rejects.toEqual(code('database-unreachable'));
        await clock.advance(3_000);
        expect(databases.west.writable()).toBe(true);
        expect(databases.west.promotions).toHaveLength(1);
        expect(await guards.west.promote(command)).toMatchObject({ epoch: 2, region: 'west' });
        expect(databases.east.writable()).toBe(false);
        await end();
      }
    },
  );

  it('the close of a fence whose answer was lost: it is closed, and the repeated fence proves it', async () => {
    const { guards, databases } = pairOfGuards();
    failOnce(databases.east, 'close', 'after');
    await expect(guards.east.fence(fenceOf(5))).rejects.toEqual(code('database-unreachable'));
    expect(databases.east.writable()).toBe(false);
    expect(await guards.east.fence(fenceOf(5))).toMatchObject({ kind: 'confirmed', token: 5 });
  });
});

describe('a promotion that was begun and not finished', () => {
  it('is no promotion by hand, also when the other guard tells of its epoch before it has ended', async () => {
    const { guards, databases, clock, watch, restart } = pairOfGuards();
    const before = watch();
    await clock.advance(2_000);
    await before();
    const proof = await guards.east.fence(fenceOf(5));
    failOnce(databases.west, 'recordPromotion');
    const command = { ...ofRun(5), epoch: 2, proof, lossy: null };
    await expect(guards.west.promote(command)).rejects.toEqual(code('database-unreachable'));
    const west = restart('west');
    await west.word({ pair: eastAsks, known: { epoch: 2, active: 'west' } });
    const end = watch();
    await clock.advance(3_000);
    expect(databases.west.promotions).toMatchObject([{ epoch: 2, region: 'west' }]);
    expect(databases.west.writable()).toBe(true);
    await end();
  });
});

describe('an adoption whose row was written and whose end was not', () => {
  it('goes on in the same epoch: the other side and the store have to hear of it', async () => {
    const { databases, disks, clock, watch, restart, store } = pairOfGuards();
    const before = watch();
    await clock.advance(2_000);
    await before();
    const remembered = disks.west;
    Object.assign(databases.west, { role: 'primary', timeline: 2 });
    await restart('west').tick();
    expect(databases.west.promotions).toMatchObject([{ epoch: 2 }]);
    disks.west = remembered;
    restart('west');
    const end = watch();
    await clock.advance(15_000);
    expect(databases.west.promotions).toMatchObject([{ epoch: 2 }]);
    expect(databases.west.writable()).toBe(true);
    expect(databases.east.writable()).toBe(false);
    expect(store).toMatchObject({ epoch: 2, active: 'west' });
    await end();
  });
});

describe('a message that comes late', () => {
  it('a promotion that has ended long ago does not open what was closed since', async () => {
    const { guards, databases, disks, clock, watch } = pairOfGuards();
    const command = { ...ofRun(5), epoch: 2, ...lossy };
    await guards.west.promote(command);
    // West died; east was promoted in epoch 3 by a run that could not reach west; west is back.
    disks.west = { ...disks.west, known: { epoch: 3, active: 'east' } };
    const end = watch();
    await clock.advance(2_000);
    expect(databases.west.writable()).toBe(false);
    expect(await guards.west.promote(command)).toMatchObject({ epoch: 2 });
    expect(databases.west.writable()).toBe(false);
    expect(disks.west.known).toEqual({ epoch: 3, active: 'east' });
    await end();
  });

  it.each([
    ['the journal that knows of no promotion', { kind: 'never-asked', token: 6 }],
    ['the word of the peer', { kind: 'renounced', region: 'west', token: 6 }],
    ['a person', overridden],
  ] as const)(
    'an opening with %s changes nothing once the other side is known to be active',
    async (_what, proof) => {
      const { guards, databases, disks } = pairOfGuards();
      await guards.east.fence(fenceOf(5));
      // From its peer, a moment ago; the round that closes it for good has not come yet.
      disks.east = { ...disks.east, known: { epoch: 2, active: 'west' } };
      await expect(guards.east.unfence({ ...ofRun(6), proof })).rejects.toEqual(
        code('must-stay-closed'),
      );
      expect(databases.east.writable()).toBe(false);
    },
  );

  it.each([
    ['the journal that knows of no promotion', { kind: 'never-asked', token: 5 }],
    ['the word of the peer', { kind: 'renounced', region: 'west', token: 5 }],
  ] as const)(
    'an opening with %s ends, and leaves a database that was down to the word of store or peer',
    async (_what, proof) => {
      const { guards, databases, disks, link, clock, watch } = pairOfGuards();
      databases.east.role = 'stopped';
      link.peers = false;
      link.store = false;
      await guards.east.start();
      await guards.east.unfence({ ...ofRun(5), proof });
      const end = watch();
      await clock.advance(5_000);
      expect(databases.east.writable()).toBe(false);
      expect(disks.east.closed).toEqual({ by: 'start' });
      link.store = true;
      await clock.advance(2_000);
      expect(databases.east.writable()).toBe(true);
      await end();
    },
  );

  it("a fence's deadline does not open the fence of a newer token", async () => {
    const { guards, databases, clock, watch } = pairOfGuards();
    const end = watch();
    await guards.east.fence(fenceOf(5));
    await clock.advance(9_500);
    const proof = await guards.east.fence(fenceOf(6));
    await clock.advance(5_000);
    expect(databases.east.writable()).toBe(false);
    await guards.west.promote({ ...ofRun(6), epoch: 2, proof, lossy: null });
    expect(databases.west.writable()).toBe(true);
    await end();
  });
});

describe('what came while something was unfinished', () => {
  it('a promotion that is carried to its end does not open what a later fence has closed', async () => {
    const { guards, databases, disks, clock, watch } = pairOfGuards();
    failOnce(databases.west, 'recordPromotion', 'after');
    const command = { ...ofRun(5), epoch: 2, proof: overridden, lossy: null };
    await expect(guards.west.promote(command)).rejects.toEqual(code('database-unreachable'));
    expect(databases.west.writable()).toBe(true);
    await guards.west.fence({ ...fenceOf(6), deadlineMs: 60_000 });
    const end = watch();
    await clock.advance(5_000);
    expect(disks.west.known).toEqual({ epoch: 2, active: 'west' });
    expect(databases.west.writable()).toBe(false);
    await end();
  });

  it.each([
    ['does not answer', (east: FakeDatabase) => failOnce(east, 'look')],
    ['has crashed', (east: FakeDatabase) => east.stop()],
  ])(
    'a copy of a stop that was late takes nothing down, also while the database %s',
    async (_what, happens) => {
      const { guards, databases, disks, clock, watch } = pairOfGuards();
      await guards.east.fence(fenceOf(5));
      const promotion = await guards.west.promote({ ...ofRun(5), epoch: 2, ...lossy });
      await guards.east.stop(ofRun(5));
      await guards.east.attach(attachmentTo(promotion));
      await happens(databases.east);
      await guards.east.stop(ofRun(5));
      expect(disks.east.stopped).toBe(false);
      const end = watch();
      await databases.east.stop();
      await clock.advance(3_000);
      expect(databases.east.role).toBe('standby');
      await end();
    },
  );

  it('a side that follows while its answer is lost is started again after a crash', async () => {
    const { guards, databases, clock, watch } = pairOfGuards();
    await guards.east.fence(fenceOf(5));
    const promotion = await guards.west.promote({ ...ofRun(5), epoch: 2, ...lossy });
    await guards.east.stop(ofRun(5));
    failOnce(databases.east, 'follow', 'after');
    const attach = guards.east.attach(attachmentTo(promotion));
    await expect(attach).rejects.toEqual(code('database-unreachable'));
    // Before the guard looks again.
    await databases.east.stop();
    const end = watch();
    await clock.advance(3_000);
    expect(databases.east.role).toBe('standby');
    await end();
  });
});

describe('synchronous', () => {
  const position = positionOf(1, '0/64');
  const record = { epoch: 1, wallMs: 0, inSync: false, position };
  const doubt = { pair: eastAsks, record };
  const closed = code('must-stay-closed');

  it.each(['available', 'strict'] as const)(
    '%s: writes down nothing that lets commits go ahead of the side whose loss is judged, until that is given up',
    async (writerFence) => {
      const { guards, disks } = pairOfGuards({ durability: 'synchronous', writerFence });
      const { west } = guards;
      expect(await west.endPromises(ofRun(5))).toEqual({ leftMs: 0 });
      await expect(west.recordPeerSync(doubt)).rejects.toEqual(closed);
      await west.recordPeerSync({ ...doubt, record: { ...record, inSync: true } });
      expect(disks.west.peerSync).toMatchObject({ inSync: true });
      expect(await west.renounce(ofRun(5))).toEqual({ kind: 'renounced', token: 5 });
      await west.recordPeerSync(doubt);
      expect(disks.west.peerSync).toMatchObject({ inSync: false });
      // A late copy of the question binds nobody any more.
      await west.endPromises(ofRun(5));
      await west.recordPeerSync(doubt);
    },
  );

  it('helps the other side again after a minute, and then gives the promotion up in the same write', async () => {
    const { guards, clock, restart } = pairOfGuards({ durability: 'synchronous' });
    await guards.west.endPromises(ofRun(5));
    await clock.advance(59_000);
    await expect(guards.west.recordPeerSync(doubt)).rejects.toEqual(closed);
    // A guard that restarts does not know since when, so it counts from its start.
    const west = restart('west');
    await clock.advance(59_000);
    await expect(west.recordPeerSync(doubt)).rejects.toEqual(closed);
    await clock.advance(2_000);
    expect(await west.status()).toMatchObject({ renounced: 0 });
    await west.recordPeerSync(doubt);
    expect(await west.status()).toMatchObject({ renounced: 5 });
    const late = west.promote({ ...ofRun(5), epoch: 2, ...lossy });
    await expect(late).rejects.toEqual(code('token-renounced'));
  });

  it('gives a failover up by itself that nobody carries on, so that nothing of it is left', async () => {
    const { guards, clock, watch } = pairOfGuards();
    const end = watch();
    await guards.west.endPromises(ofRun(5));
    await clock.advance(62_000);
    expect(await guards.west.status()).toMatchObject({ renounced: 5, role: 'standby' });
    await end();
  });

  it('goes on judging when a late copy of an older attachment arrives', async () => {
    const { guards, databases } = pairOfGuards({ durability: 'synchronous' });
    const promotion = await guards.west.promote({ ...ofRun(4), epoch: 2, ...lossy });
    await guards.east.stop(ofRun(4));
    const attach = { ...ofRun(4), epoch: 2, upstream: 'west', promotion, discards: true };
    await guards.east.attach(attach);
    // The copy is admitted, and asks the new primary for its cluster while the failover begins.
    const { upstreamCluster } = databases.east;
    databases.east.upstreamCluster = async () => {
      await guards.east.endPromises(ofRun(5, 'east'));
      return upstreamCluster.call(databases.east);
    };
    await guards.east.attach(attach);
    const westAsks = { ...eastAsks, from: 'west', to: 'east' };
    const asked = guards.east.recordPeerSync({ pair: westAsks, record: { ...record, epoch: 2 } });
    await expect(asked).rejects.toEqual(closed);
  });

  it('tells store and peer again what they may have forgotten, with the moment since when', async () => {
    const { guards, databases, disks, clock, watch } = pairOfGuards({ durability: 'synchronous' });
    const end = watch();
    await clock.advance(3_000);
    expect(disks.west.peerSync).toMatchObject({ inSync: true });
    disks.west = { ...disks.west, peerSync: null };
    await clock.advance(32_000);
    expect(disks.west.peerSync).toMatchObject({ inSync: true });
    databases.east.streaming = false;
    await clock.advance(6_000);
    const first = disks.west.peerSync;
    expect(first).toMatchObject({ inSync: false });
    databases.east.lsn += 1_000;
    disks.west = { ...disks.west, peerSync: null };
    await clock.advance(32_000);
    expect(disks.west.peerSync).toEqual(first);
    expect((await guards.west.status()).inSync).toBe(false);
    await end();
  });

  it('writes nothing down for the other side once a promotion is accepted, even if that does not end', async () => {
    const { guards, databases, clock } = pairOfGuards({ durability: 'synchronous' });
    failOnce(databases.west, 'promote');
    const promoted = guards.west.promote({ ...ofRun(5), epoch: 2, ...lossy });
    await expect(promoted).rejects.toEqual(code('database-unreachable'));
    await clock.advance(120_000);
    await expect(guards.west.recordPeerSync(doubt)).rejects.toEqual(closed);
  });

  it('is bound by no judgement of its life before it was promoted', async () => {
    const { guards, clock, disks, restart, databases } = pairOfGuards({
      durability: 'synchronous',
    });
    await guards.west.endPromises(ofRun(5));
    const promotion = await guards.west.promote({ ...ofRun(5), epoch: 2, ...lossy });
    await guards.east.stop(ofRun(5));
    await guards.east.attach(attachmentTo(promotion));
    await clock.advance(1_000);
    await guards.east.promote({ ...ofRun(6, 'east'), epoch: 3, ...lossy });
    databases.west.role = 'standby';
    expect(disks.west.judging).toBeNull();
    await restart('west').recordPeerSync({ ...doubt, record: { ...record, epoch: 3 } });
  });

  it('calls itself in sync only from beyond the doubt: those who wrote that down count no other word', async () => {
    const { guards, databases, disks, clock, link, watch } = pairOfGuards({
      durability: 'synchronous',
    });
    const { east } = databases;
    const end = watch();
    await clock.advance(3_000);
    east.streaming = false;
    link.store = false;
    await clock.advance(6_000);
    expect(disks.west.peerSync).toMatchObject({ inSync: false });
    east.streaming = true;
    link.store = true;
    await clock.advance(3_000);
    expect(disks.west.peerSync).toMatchObject({ inSync: false });
    expect((await guards.east.status()).inSync).toBe(false);
    east.lsn += 1;
    await clock.advance(2_000);
    expect(disks.west.peerSync).toMatchObject({ inSync: true });
    expect((await guards.east.status()).inSync).toBe(true);
    await end();
  });

  it('gives a standby up again that came back for a moment: commits must not wait without an end', async () => {
    const { databases, clock, watch } = pairOfGuards({ durability: 'synchronous' });
    const { east } = databases;
    const end = watch();
    await clock.advance(3_000);
    east.streaming = false;
    await clock.advance(6_000);
    expect(east.synchronous).toBe(false);
    // Commits wait for the standby again, and it goes away before it has everything.
    east.streaming = true;
    east.lag = 1_000;
    await clock.advance(3_000);
    expect(east.synchronous).toBe(true);
    east.streaming = false;
    await clock.advance(6_000);
    expect(east.synchronous).toBe(false);
    await end();
  });
});
