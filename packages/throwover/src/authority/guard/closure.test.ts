import { describe, expect, it } from 'vitest';
import { standingOf } from '../takes-writes.ts';
import { type DoorVerdict, judgeDoor } from './closure.ts';
import { ofRun, pairOfGuards } from './guard.fixture.ts';
import type { DoorLook } from './ports.ts';

const closed = { by: 'newer-epoch', epoch: 2, active: 'west' } as const;
const shut: DoorLook = {
  admitted: [],
  refused: ['app'],
  sessions: 0,
  unreadable: null,
  rules: 'file 1',
  loaded: 'load 1',
};
const open: DoorLook = { ...shut, admitted: ['app'], refused: [] };
const seen = { rules: 'file 1', loaded: 'load 1' };

describe('what is written down against the server', () => {
  it.each<[string, Parameters<typeof judgeDoor>[0], DoorVerdict['is']]>([
    ['closed, first, loaded, empty', { closed, door: shut, seen }, 'as-written'],
    ['a session that is left', { closed, door: { ...shut, sessions: 1 }, seen }, 'broken'],
    ['a role that gets in', { closed, door: open, seen }, 'broken'],
    ['rules that nobody saw the effect of', { closed, door: shut, seen: null }, 'to-be-tried'],
    ['another file', { closed, door: { ...shut, rules: 'file 2' }, seen }, 'to-be-tried'],
    [
      'the same file, read once more',
      { closed, door: { ...shut, loaded: 'load 2' }, seen },
      'to-be-tried',
    ],
    ['open, and nobody refused', { closed: null, door: open, seen }, 'as-written'],
    ['open, and our lines are there', { closed: null, door: shut, seen }, 'broken'],
    [
      'open, and a reload of the same file',
      { closed: null, door: { ...open, loaded: 'load 2' }, seen },
      'as-written',
    ],
    [
      'open, another file and another load',
      { closed: null, door: { ...open, rules: 'file 2', loaded: 'load 2' }, seen },
      'to-be-tried',
    ],
  ])('%s', (_what, facts, verdict) => {
    expect(judgeDoor(facts).is).toBe(verdict);
  });
});

const overridden = { kind: 'overridden', by: 'ana', reason: 'east is sick' } as const;

/** The state after a failover away from east, which is still alive. */
async function failedOver() {
  const pair = pairOfGuards();
  const end = pair.watch();
  await pair.clock.advance(2_000);
  const lossy = { sequenceAdvance: 1 };
  await pair.guards.west.promote({ ...ofRun(5), epoch: 2, proof: overridden, lossy });
  await pair.clock.advance(3_000);
  return { ...pair, end };
}

describe('an old side that somebody reopens', () => {
  it('is closed again within a round, and remembers it until it follows', async () => {
    const { databases, disks, guards, clock, events, end } = await failedOver();
    databases.east.writeRules(true);
    databases.east.sessions = 2;
    await clock.advance(1_100);
    expect(databases.east.writable()).toBe(false);
    expect(databases.east.sessions).toBe(0);
    expect(disks.east.reopened).toMatchObject({ times: 1 });
    expect(events).toContainEqual(expect.objectContaining({ type: 'reopened', sessions: 2 }));
    expect(standingOf(await guards.east.status()).is).toBe('closed');
    await end();
  });

  it.each([100, 1_500])(
    'is closed again within a round while store and peer leave a question open, reopened %d ms into it',
    async (afterMs) => {
      const { databases, clock, link, end } = await failedOver();
      Object.assign(link, { store: false, silentMs: 10_000, peerMs: 10_000 });
      await clock.advance(1_100 + afterMs);
      databases.east.writeRules(true);
      await clock.advance(1_100);
      expect(databases.east.writable()).toBe(false);
      await end();
    },
  );

  it('takes three restorations within 10 minutes, and is stopped; not when they are far apart', async () => {
    const { databases, guards, clock, events, end } = await failedOver();
    for (let times = 0; times < 4; times++) {
      databases.east.writeRules(true);
      await clock.advance(310_000);
    }
    expect(databases.east.role).toBe('primary');
    for (let times = 0; times < 3; times++) {
      databases.east.writeRules(true);
      await clock.advance(30_000);
    }
    expect(databases.east.role).toBe('stopped');
    expect(events).toContainEqual(expect.objectContaining({ type: 'stopped-old-primary' }));
    await clock.advance(60_000);
    expect(databases.east.role).toBe('stopped');
    expect((await guards.east.status()).observed).toBeNull();
    await end();
  });

  it('is never stopped while its successor is not known, nor is the active side', async () => {
    const { databases, guards, clock, watch } = pairOfGuards();
    const end = watch();
    await clock.advance(2_000);
    await guards.east.fence({ ...ofRun(5), openTransactionsMs: 0, deadlineMs: null });
    for (let times = 0; times < 6; times++) {
      databases.east.writeRules(true);
      await clock.advance(5_000);
    }
    expect(databases.east).toMatchObject({ role: 'primary', open_: false });
    const proof = { kind: 'overridden', by: 'ana', reason: 'a test' } as const;
    await guards.east.unfence({ ...ofRun(5), proof });
    for (let times = 0; times < 6; times++) {
      databases.east.writeRules(false);
      await clock.advance(5_000);
    }
    expect(databases.east.writable()).toBe(true);
    await end();
  });

  it('is written down when it was reopened between the last look and a stop', async () => {
    const { databases, disks, guards, end } = await failedOver();
    databases.east.writeRules(true);
    await guards.east.stop(ofRun(5));
    expect(databases.east.role).toBe('stopped');
    expect(disks.east.reopened).toMatchObject({ times: 1 });
    await end();
  });

  it('is written down when another file was loaded and taken back between two looks', async () => {
    const { databases, disks, clock, end } = await failedOver();
    databases.east.writeRules(true);
    databases.east.writeRules(false);
    await clock.advance(1_100);
    expect(databases.east.writable()).toBe(false);
    expect(disks.east.reopened).toMatchObject({ times: 1 });
    await end();
  });

  it('tries a login once after a change, and none while nothing changes', async () => {
    const { databases, clock, end } = await failedOver();
    await clock.advance(5_000);
    const before = databases.east.tries;
    await clock.advance(60_000);
    expect(databases.east.tries).toBe(before);
    databases.east.load();
    await clock.advance(10_000);
    expect(databases.east.tries).toBe(before + 1);
    await end();
  });
});
