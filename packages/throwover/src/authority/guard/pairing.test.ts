import { describe, expect, it } from 'vitest';
import type { ExpiredLease, RunCommand } from '../messages.ts';
import { type FakeDatabase, guardsInARow, type Place } from './guard.fixture.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });
const sent = (token: number, from: string, to: string, more: object = {}): RunCommand => ({
  scope: { service: 'checkout', run: `run-${token}`, from, to, ...more },
  token,
});
const overridden = { kind: 'overridden', by: 'ana', reason: 'east is dead' } as const;
const expired: ExpiredLease = {
  ...({ kind: 'expired', region: 'east', epoch: 1, token: 5 } as const),
  ...{ leaseMs: 10_000, driftBound: 0.01, waitedMs: 10_100 },
};
const writers = (
  { databases }: { databases: Readonly<Record<string, FakeDatabase>> },
  strict = false,
) => Object.values(databases).filter((database) => database.writable(strict));

/** Every command that changes something, from `from` to `to`. */
const everyCommand = (from: string, to: string, more: object = {}) => {
  const command = sent(5, from, to, more);
  const promotion = { epoch: 2, region: to, timeline: 2, nextXid: null } as const;
  const position = '00000001/0000000000000064' as never;
  return [
    ['admit', command],
    ['checkpoint', command],
    ['prewarm', command],
    ['fence', { ...command, openTransactionsMs: 0, deadlineMs: null }],
    ['unfence', { ...command, proof: { kind: 'never-asked', token: 5 } }],
    ['renounce', command],
    ['endPromises', command],
    ['promote', { ...command, epoch: 2, proof: overridden, lossy: null }],
    ['stop', command],
    ['salvage', { ...command, epoch: 2, switchPosition: position, from: 0, limit: 9 }],
    [
      'attach',
      { ...command, epoch: 2, upstream: to, promotion: { ...promotion, switchPosition: position } },
    ],
  ] as const;
};

describe('a third region', () => {
  it('gets no fence of a pair that it is not of: the old side would open by asking the wrong guard (A1)', async () => {
    const row = guardsInARow<Place>({ east: 'west', west: 'east', north: 'east' });
    const end = row.watch();
    const fence = { ...sent(5, 'east', 'north'), openTransactionsMs: 0, deadlineMs: 10_000 };
    await expect(row.guards.east.fence(fence)).rejects.toEqual(code('other-regions'));
    await row.clock.advance(15_000);
    // Nothing was fenced, so nothing may be promoted, with any proof.
    const position = row.databases.north.position;
    const proof = { kind: 'confirmed', region: 'west', position, token: 5 } as const;
    await expect(
      row.guards.north.promote({ ...sent(5, 'east', 'north'), epoch: 2, proof, lossy: null }),
    ).rejects.toEqual(code('proof-not-accepted'));
    expect(writers(row).map(({ region }) => region)).toEqual(['east']);
    await end();
  });

  it('is not promoted on an expired lease that the guard of the pair extends (strict, A1)', async () => {
    const row = guardsInARow<Place>(
      { east: 'west', west: 'east', north: 'east' },
      { writerFence: 'strict' },
    );
    const end = row.watch();
    await row.clock.advance(3_000);
    // The store is unreachable for east only, which goes on writing by the promises of west's
    // guard.
    row.link.store = false;
    await row.clock.advance(20_000);
    expect(writers(row, true).map(({ region }) => region)).toEqual(['east']);
    const promote = { ...sent(5, 'east', 'north'), epoch: 2, proof: expired, lossy: null };
    await expect(row.guards.north.promote(promote)).rejects.toEqual(code('proof-not-accepted'));
    const west = { ...promote, ...sent(5, 'west', 'north') };
    await expect(row.guards.north.promote(west)).rejects.toEqual(code('other-regions'));
    await row.clock.advance(12_000);
    expect(writers(row, true).map(({ region }) => region)).toEqual(['east']);
    expect(row.events).toContainEqual(
      expect.objectContaining({ type: 'peer-refuses', code: 'other-regions' }),
    );
    await end();
  });

  it('gets no promise, no word and no renunciation of a guard that works with another one', async () => {
    const { guards } = guardsInARow<Place>({ east: 'west', west: 'east', north: 'east' });
    const pair = { service: 'checkout', from: 'north', to: 'east' };
    const { east } = guards;
    const refused = code('other-regions');
    await expect(east.word({ pair, known: { epoch: 9, active: 'north' } })).rejects.toEqual(
      refused,
    );
    await expect(east.promise({ pair, epoch: 1, leaseMs: 10_000 })).rejects.toEqual(refused);
    await expect(east.renounceForPeer({ pair, run: 'x', token: 9 })).rejects.toEqual(refused);
    expect((await east.status()).known).toEqual({ epoch: 1, active: 'east' });
  });

  it('that answers at the address of the peer is not taken for the peer', async () => {
    const row = guardsInARow<Place>(
      { east: 'west', west: 'east', north: 'west' },
      {},
      { west: 'north' },
    );
    const end = row.watch();
    const fence = { ...sent(5, 'east', 'west'), openTransactionsMs: 0, deadlineMs: 10_000 };
    const proof = await row.guards.east.fence(fence);
    await row.clock.advance(30_000);
    // North would have renounced the token, though west may still be promoted with it.
    expect(row.databases.east.writable()).toBe(false);
    expect((await row.guards.east.status()).peer).toEqual({ region: 'west', confirmed: false });
    row.databases.west.lsn = row.databases.east.lsn;
    await row.guards.west.promote({ ...sent(5, 'east', 'west'), epoch: 2, proof, lossy: null });
    expect(writers(row).map(({ region }) => region)).toEqual(['west']);
    await end();
  });
});

describe('a command', () => {
  it.each([
    ...everyCommand('east', 'west', { service: 'search' }).map(
      (one) => ['other-service', ...one] as const,
    ),
    ...everyCommand('east', 'north').map((one) => ['other-regions', ...one] as const),
    ...everyCommand('west', 'north').map((one) => ['other-regions', ...one] as const),
    ...everyCommand('east', 'east').map((one) => ['other-regions', ...one] as const),
    ...everyCommand('East', 'west').map((one) => ['other-regions', ...one] as const),
  ])('is refused with %s before anything is done: %s', async (expected, name, command) => {
    for (const place of ['east', 'west'] as const) {
      const { guards, databases, disks } = guardsInARow<Place>({
        east: 'west',
        west: 'east',
        north: 'east',
      });
      const before = disks[place];
      const call = guards[place][name] as (input: unknown) => Promise<unknown>;
      await expect(call(command)).rejects.toEqual(code(expected));
      expect(disks[place]).toBe(before);
      expect(databases[place].log).toEqual([]);
    }
  });

  it.each(everyCommand('east', 'west'))(
    'of any run is refused by a guard without a peer: %s',
    async (name, command) => {
      const { guards, databases } = guardsInARow<Place>({
        east: null,
        west: 'east',
        north: 'east',
      });
      const call = guards.east[name] as (input: unknown) => Promise<unknown>;
      await expect(call(command)).rejects.toEqual(code('guard-without-peer'));
      expect(databases.east.log).toEqual([]);
    },
  );

  it('to promote is refused by the side that the run leaves, and to follow anybody but the peer', async () => {
    const { guards } = guardsInARow<Place>({ east: 'west', west: 'east', north: 'east' });
    const promote = { ...sent(5, 'east', 'west'), epoch: 2, proof: overridden, lossy: null };
    await expect(guards.east.promote(promote)).rejects.toEqual(code('other-regions'));
    const [, attach] = everyCommand('east', 'west').at(-1) as [string, never];
    await expect(
      guards.east.attach({ ...(attach as object), upstream: 'north' } as never),
    ).rejects.toEqual(code('other-regions'));
  });

  it("of an old run is refused, and so is another run's with the same token: two stores speak", async () => {
    const { guards, restart } = guardsInARow<Place>({ east: 'west', west: 'east', north: 'east' });
    await guards.east.admit(sent(5, 'east', 'west'));
    const east = restart('east');
    for (const stale of [
      sent(4, 'east', 'west'),
      sent(5, 'west', 'east', { run: 'run-of-another-store' }),
    ]) {
      await expect(east.stop(stale)).rejects.toEqual(code('token-too-old'));
    }
    await east.admit(sent(5, 'east', 'west'));
    expect((await east.status()).role).toBe('primary');
  });
});

describe('an opening', () => {
  it('is refused with a word of a region that is not the peer', async () => {
    const { guards, databases } = guardsInARow<Place>({
      east: 'west',
      west: 'east',
      north: 'east',
    });
    await guards.east.fence({
      ...sent(5, 'east', 'west'),
      openTransactionsMs: 0,
      deadlineMs: null,
    });
    const proof = { kind: 'renounced', region: 'north', token: 5 } as const;
    await expect(guards.east.unfence({ ...sent(5, 'east', 'west'), proof })).rejects.toEqual(
      code('proof-not-accepted'),
    );
    expect(databases.east.writable()).toBe(false);
  });
});

it('two services on the same hosts, with the same regions, do not hear each other', async () => {
  const checkout = guardsInARow<Place>({ east: 'west', west: 'east', north: 'east' });
  const pair = { service: 'search', from: 'east', to: 'west' };
  const asks = checkout.guards.west.word({ pair, known: { epoch: 9, active: 'west' } });
  await expect(asks).rejects.toEqual(code('other-service'));
  expect(checkout.disks.west.known).toEqual({ epoch: 1, active: 'east' });
});
