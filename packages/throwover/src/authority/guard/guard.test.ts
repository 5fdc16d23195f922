import { positionOf } from '@throwover/client';
import { describe, expect, it } from 'vitest';
import { eastAsks, failOnce, ofRun, pairOfGuards } from './guard.fixture.ts';

const fenceOf = (token: number, deadlineMs: number | null = 10_000) => ({
  ...ofRun(token),
  openTransactionsMs: 0,
  deadlineMs,
});
const code = (expected: string) => expect.objectContaining({ code: expected });
const overridden = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;

describe('tokens', () => {
  it('an old controller can do nothing once a newer one was admitted, also after a restart', async () => {
    const { guards, restart, databases } = pairOfGuards();
    await guards.east.admit(ofRun(6));
    await guards.west.admit(ofRun(6));
    await expect(guards.east.fence(fenceOf(5))).rejects.toEqual(code('token-too-old'));
    await expect(restart('west').stop(ofRun(5))).rejects.toEqual(code('token-too-old'));
    expect(databases.east.log).toEqual([]);
  });
});

describe('a fence of a switchover', () => {
  it('ends by itself: the peer gives the token up for good, then the door opens', async () => {
    const { guards, databases, clock, watch } = pairOfGuards();
    const end = watch();
    const proof = await guards.east.fence(fenceOf(5));
    expect(databases.east.writable()).toBe(false);
    await clock.advance(9_000);
    expect(databases.east.writable()).toBe(false);
    await clock.advance(3_000);
    expect(databases.east.writable()).toBe(true);
    const late = { ...ofRun(5), epoch: 2, proof, lossy: null };
    await expect(guards.west.promote(late)).rejects.toEqual(code('token-renounced'));
    await expect(guards.east.fence(fenceOf(5))).rejects.toEqual(code('token-renounced'));
    await end();
  });

  it('stays closed when the promotion was accepted, whoever asks for it to be opened', async () => {
    const { guards, databases, clock, watch, replicate } = pairOfGuards();
    const proof = await guards.east.fence(fenceOf(5));
    replicate();
    await guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null });
    const end = watch();
    await clock.advance(30_000);
    expect(databases.east.writable()).toBe(false);
    expect(databases.west.writable()).toBe(true);
    expect(await guards.west.renounce(ofRun(6))).toMatchObject({ kind: 'accepted', epoch: 2 });
    const opening = { kind: 'never-asked', token: 6 } as const;
    await expect(guards.east.unfence({ ...ofRun(6), proof: opening })).rejects.toEqual(
      code('must-stay-closed'),
    );
    await end();
  });

  it('stays closed while the peer does not answer: it may have accepted', async () => {
    const { guards, databases, clock, watch, link } = pairOfGuards();
    const end = watch();
    await guards.east.fence(fenceOf(5));
    link.peers = false;
    await clock.advance(60_000);
    expect(databases.east.writable()).toBe(false);
    link.peers = true;
    await clock.advance(2_000);
    expect(databases.east.writable()).toBe(true);
    await end();
  });

  it('is kept by a guard that restarts, and its deadline counts again', async () => {
    const { guards, databases, clock, restart } = pairOfGuards();
    await guards.east.fence(fenceOf(5));
    const again = restart('east');
    await again.start();
    const ending = new AbortController();
    const loop = again.run(ending.signal);
    await clock.advance(5_000);
    expect(databases.east.writable()).toBe(false);
    await clock.advance(8_000);
    expect(databases.east.writable()).toBe(true);
    ending.abort();
    await loop;
  });

  it.each([
    ['a lower token', { kind: 'renounced', region: 'west', token: 4 }],
    ["another controller's journal", { kind: 'never-asked', token: 4 }],
  ] as const)('is not opened with the proof of %s', async (_what, proof) => {
    const { guards, databases } = pairOfGuards();
    await guards.east.fence(fenceOf(5));
    await expect(guards.east.unfence({ ...ofRun(5), proof })).rejects.toEqual(
      code('proof-not-accepted'),
    );
    expect(databases.east.writable()).toBe(false);
  });
});

describe('a promotion', () => {
  it("takes no other controller's fence, none of another history, none that is not all received", async () => {
    const { guards, databases } = pairOfGuards();
    databases.east.lsn = 200;
    const proof = await guards.east.fence(fenceOf(5));
    const promote = (token: number, given: typeof proof) =>
      guards.west.promote({ ...ofRun(token), epoch: 2, proof: given, lossy: null });
    await expect(promote(5, proof)).rejects.toEqual(code('promotion-refused'));
    databases.west.lsn = 200;
    const elsewhere = { ...proof, position: positionOf(2, '0/1') };
    await expect(promote(5, elsewhere)).rejects.toEqual(code('promotion-refused'));
    await expect(promote(6, proof)).rejects.toEqual(code('proof-not-accepted'));
    expect(databases.west.role).toBe('standby');
  });

  it('calls the end of a lease no proof where the writer is not strict', async () => {
    const { guards } = pairOfGuards();
    const proof = {
      kind: 'expired',
      region: 'east',
      epoch: 1,
      token: 5,
      leaseMs: 10_000,
      driftBound: 0.01,
      waitedMs: 20_000,
    } as const;
    await expect(
      guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null }),
    ).rejects.toEqual(code('proof-not-accepted'));
  });

  it('that is lossy opens only when every sequence was moved on and its row is written', async () => {
    const { guards, databases } = pairOfGuards();
    await guards.west.promote({
      ...{ ...ofRun(5), epoch: 2, proof: overridden },
      lossy: { sequenceAdvance: 900 },
    });
    expect(databases.west.log).toEqual(['close', 'promote', 'sequences', 'record', 'open']);
  });

  it('that was accepted is finished by the guard when everybody else is gone, and the store hears of it', async () => {
    const { guards, databases, disks, restart, clock, store } = pairOfGuards();
    const proof = await guards.east.fence(fenceOf(5));
    disks.west = { ...disks.west, accepted: { token: 5, epoch: 2, sequenceAdvance: null } };
    expect(
      await guards.west.renounceForPeer({ pair: eastAsks, run: 'run-5', token: 5 }),
    ).toMatchObject({ kind: 'accepted', epoch: 2 });
    const west = restart('west');
    const ending = new AbortController();
    const loop = west.run(ending.signal);
    await clock.advance(3_000);
    expect(databases.west.writable()).toBe(true);
    expect((await west.status()).promotion).toMatchObject({ epoch: 2, region: 'west' });
    await clock.advance(15_000);
    expect(store).toMatchObject({ epoch: 2, active: 'west', adopted: 1 });
    const again = await west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null });
    expect(again).toMatchObject({ epoch: 2 });
    ending.abort();
    await loop;
  });

  it('of long ago is not finished again by a side that was made a standby by hand', async () => {
    const { guards, databases, disks, clock, watch } = pairOfGuards();
    disks.west = {
      ...disks.west,
      accepted: { token: 3, epoch: 2, sequenceAdvance: null },
      known: { epoch: 3, active: 'east' },
    };
    databases.east.promotions = [
      {
        epoch: 3,
        region: 'east',
        timeline: 1,
        switchPosition: positionOf(1, '0/1'),
        nextXid: null,
      },
    ];
    const end = watch();
    await clock.advance(20_000);
    expect(databases.west.role).toBe('standby');
    expect(await guards.west.renounceForPeer({ pair: eastAsks, run: 'run-9', token: 9 })).toEqual({
      kind: 'renounced',
      token: 9,
    });
    await end();
  });
});

describe('watching', () => {
  it('starts a database closed, and opens it when the store vouches for it', async () => {
    const { guards, databases, link, clock, watch } = pairOfGuards();
    databases.east.role = 'stopped';
    link.peers = false;
    link.store = false;
    await guards.east.start();
    const end = watch();
    await clock.advance(20_000);
    expect(databases.east.writable()).toBe(false);
    link.store = true;
    await clock.advance(2_000);
    expect(databases.east.writable()).toBe(true);
    await end();
  });

  it("takes the other guard's word when the store is away, and nobody's when that was promoted", async () => {
    const { guards, databases, link, clock, watch, replicate } = pairOfGuards();
    link.store = false;
    databases.east.role = 'stopped';
    await guards.east.start();
    const end = watch();
    await clock.advance(2_000);
    expect(databases.east.writable()).toBe(true);

    databases.east.role = 'stopped';
    replicate();
    await guards.west.promote({
      ...ofRun(5),
      epoch: 2,
      proof: overridden,
      lossy: { sequenceAdvance: 1 },
    });
    await clock.advance(20_000);
    expect(databases.east.writable()).toBe(false);
    await end();
  });

  it('closes at once when another region is active in a newer epoch, and says for how long it may have been open', async () => {
    const { guards, databases, clock, watch, link, events } = pairOfGuards();
    const end = watch();
    await clock.advance(2_000);
    link.peers = false;
    link.store = false;
    await guards.west.promote({
      ...ofRun(5),
      epoch: 2,
      proof: overridden,
      lossy: { sequenceAdvance: 1 },
    });
    await clock.advance(4_000);
    // Silence is no evidence: in available mode the writer goes on.
    expect(databases.east.writable()).toBe(true);
    link.peers = true;
    await clock.advance(2_000);
    expect(databases.east.writable()).toBe(false);
    const closed = events.find(({ type }) => type === 'closed-by-newer-epoch');
    expect(closed).toMatchObject({ epoch: 2, active: 'west' });
    expect(closed?.type === 'closed-by-newer-epoch' && closed.openForAtMostMs).toBeGreaterThan(
      3_000,
    );
    await end();
  });

  it('adopts what was promoted by hand: it stays open, the other side closes, the store hears of it', async () => {
    const { databases, clock, watch, store, events } = pairOfGuards();
    const end = watch();
    await clock.advance(2_000);
    databases.west.promoteByHand();
    await clock.advance(2_500);
    expect(databases.west.writable()).toBe(true);
    expect(databases.east.writable()).toBe(false);
    expect(events).toContainEqual({ type: 'adopted', epoch: 2, timeline: 2 });
    await clock.advance(15_000);
    expect(store).toMatchObject({ epoch: 2, active: 'west' });
    await end();
  });

  it('asks before it adopts what was promoted by hand before the database was down', async () => {
    const { databases, clock, watch, link, events } = pairOfGuards();
    const end = watch();
    await clock.advance(2_000);
    link.peers = false;
    link.store = false;
    databases.west.promoteByHand();
    await databases.west.stop();
    await clock.advance(10_000);
    expect(databases.west.role).toBe('primary');
    expect(databases.west.writable()).toBe(false);
    link.store = true;
    await clock.advance(2_500);
    expect(databases.west.writable()).toBe(true);
    expect(events).toContainEqual({ type: 'adopted', epoch: 2, timeline: 2 });
    await end();
  });

  it('asks before it adopts also where the other region is known to be active in a later epoch', async () => {
    const { databases, disks, clock, watch, link, store } = pairOfGuards();
    const known = { epoch: 3, active: 'east' };
    Object.assign(store, known);
    for (const place of ['east', 'west'] as const) disks[place] = { ...disks[place], known };
    const { position: switchPosition } = databases.east;
    const last = { epoch: 3, region: 'east', timeline: 1, switchPosition, nextXid: '7' };
    for (const database of Object.values(databases)) database.promotions.push(last);
    const end = watch();
    await clock.advance(2_000);
    link.peers = false;
    link.store = false;
    databases.west.promoteByHand();
    await databases.west.stop();
    await clock.advance(20_000);
    expect(databases.west.role).toBe('primary');
    expect(databases.west.writable()).toBe(false);
    link.store = true;
    await clock.advance(2_500);
    expect(databases.west.writable()).toBe(true);
    await end();
  });

  it('adopts at once what was promoted by hand after its start, also across its own restart', async () => {
    const { databases, clock, watch, link, restart } = pairOfGuards();
    let end = watch();
    await clock.advance(2_000);
    link.peers = false;
    link.store = false;
    databases.west.streaming = false;
    await databases.west.stop();
    await clock.advance(5_000);
    expect(databases.west.role).toBe('standby');
    await end();
    restart('west');
    databases.west.promoteByHand();
    end = watch();
    await clock.advance(2_500);
    expect(databases.west.writable()).toBe(true);
    await end();
  });
});

describe('strict', () => {
  it('writes under a lease that ends by itself, and under promises while the store is away', async () => {
    const { databases, clock, watch, link } = pairOfGuards({ writerFence: 'strict' });
    const end = watch();
    await clock.advance(3_000);
    expect(databases.east.writable(true)).toBe(true);
    link.store = false;
    await clock.advance(60_000);
    expect(databases.east.writable(true)).toBe(true);
    link.peers = false;
    await clock.advance(11_000);
    expect(databases.east.writable(true)).toBe(false);
    await end();
  });

  it('a promotion by expiry waits for the end of every promise, and no new one is given', async () => {
    const { guards, databases, clock, watch, link, store } = pairOfGuards({
      writerFence: 'strict',
    });
    const end = watch();
    await clock.advance(3_000);
    link.store = false;
    await clock.advance(12_000);
    const proof = {
      kind: 'expired',
      region: 'east',
      epoch: 1,
      token: 5,
      leaseMs: 10_000,
      driftBound: 0.01,
      waitedMs: 10_100,
    } as const;
    const promoted = guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null });
    await clock.advance(5_000);
    expect(databases.west.role).toBe('standby');
    expect(databases.east.writable(true)).toBe(true);
    await clock.until(promoted);
    expect(databases.east.writable(true)).toBe(false);
    expect(databases.west.writable(true)).toBe(false);
    Object.assign(store, { epoch: 2, active: 'west' });
    link.store = true;
    await clock.advance(2_000);
    expect(databases.west.writable(true)).toBe(true);
    await end();
  });

  it('closes before it asks when it stood still', async () => {
    const { guards, databases, clock, link, events } = pairOfGuards({ writerFence: 'strict' });
    const ending = new AbortController();
    const loop = guards.east.run(ending.signal);
    await clock.advance(3_000);
    expect(databases.east.writable(true)).toBe(true);
    link.store = false;
    link.peers = false;
    const until = databases.east.lease;
    // Its clocks go on while none of its timers run.
    databases.east.machineTime = () => ({
      wallMs: clock.monotonicMs() + 5_000,
      bootMs: clock.monotonicMs() + 5_000,
    });
    await clock.advance(1_500);
    expect(until).not.toBeNull();
    expect(databases.east.lease).toBeNull();
    expect(events.some(({ type }) => type === 'lease-lost')).toBe(true);
    ending.abort();
    await loop;
  });
});

describe('an old side that was attached', () => {
  const attached = async () => {
    const pair = pairOfGuards();
    const { guards, databases, replicate } = pair;
    const proof = await guards.east.fence(fenceOf(5));
    replicate();
    const promotion = await guards.west.promote({ ...ofRun(5), epoch: 2, proof, lossy: null });
    await guards.east.stop(ofRun(5));
    expect(databases.east.role).toBe('stopped');
    const attach = () =>
      guards.east.attach({ ...ofRun(5), epoch: 2, upstream: 'west', promotion, discards: true });
    return { ...pair, attach };
  };

  it('is not taken down by a copy of the stop that was late', async () => {
    const { guards, databases, disks, attach } = await attached();
    await attach();
    await guards.east.stop(ofRun(5));
    expect(databases.east.role).toBe('standby');
    expect(disks.east.stopped).toBe(false);
  });

  it('is started again after a crash, also when its guard did not hear that it follows', async () => {
    const { databases, clock, watch, attach } = await attached();
    failOnce(databases.east, 'follow', 'after');
    await expect(attach()).rejects.toEqual(code('database-unreachable'));
    const end = watch();
    await clock.advance(3_000);
    await databases.east.stop();
    await clock.advance(3_000);
    expect(databases.east.role).toBe('standby');
    await end();
  });
});

describe('synchronous', () => {
  it('asks again for a setting that may stand on disk and not be in force, before it says "in sync"', async () => {
    const { guards, databases, clock, watch, link, disks } = pairOfGuards({
      durability: 'synchronous',
    });
    const end = watch();
    await clock.advance(3_000);
    databases.east.streaming = false;
    link.store = false;
    // The setting is written down and perhaps on disk, but not in force.
    failOnce(databases.east, 'setSynchronous');
    while (disks.west.peerSync?.inSync !== false) await clock.advance(100);
    expect(databases.east.synchronous).toBe(true);
    databases.east.streaming = true;
    databases.east.lsn += 50;
    link.store = true;
    databases.east.log.length = 0;
    await clock.advance(5_000);
    expect(databases.east.log).toContain('synchronous true');
    expect((await guards.east.status()).inSync).toBe(true);
    await end();
  });

  it('gives the standby up only after somebody has written down since when', async () => {
    const { guards, databases, clock, watch, link, disks } = pairOfGuards({
      durability: 'synchronous',
    });
    const end = watch();
    await clock.advance(3_000);
    expect(databases.east.synchronous).toBe(true);
    databases.east.streaming = false;
    link.store = false;
    link.peers = false;
    await clock.advance(30_000);
    // Neither place could write it down: commits wait.
    expect(databases.east.synchronous).toBe(true);
    link.peers = true;
    await clock.advance(2_000);
    expect(databases.east.synchronous).toBe(false);
    expect(disks.west.peerSync).toMatchObject({ inSync: false, epoch: 1 });
    databases.east.streaming = true;
    databases.east.lsn += 50;
    link.store = true;
    await clock.advance(5_000);
    expect(databases.east.synchronous).toBe(true);
    expect((await guards.east.status()).inSync).toBe(true);
    expect(disks.west.peerSync).toMatchObject({ inSync: true });
    await end();
  });
});
