import { bytesOf, type Position, positionOf } from '@throwover/client';
import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { DatabaseSide } from './database-side.ts';

import type { ConfirmedFence, Promotion, RunCommand } from './messages.ts';

type Region = 'east' | 'west';

/**
 * The two sides of the service `checkout`: east is an open primary, west a standby that receives
 * from it. The guards have confirmed each other and agree on the cluster, the ledger can be read,
 * and no run has sent a command.
 */
export interface SidesUnderTest extends Subject {
  readonly east: DatabaseSide;
  readonly west: DatabaseSide;
  /** The application writes one row there; `false`: it is refused. */
  write(region: Region): Promise<boolean>;
  /** From now on west receives nothing. Both guards go on answering. */
  separate(): Promise<void>;
  /** Ends the process beside a database and starts another one with its files. */
  restart(region: Region): Promise<void>;
  /** Makes a region's guard unreachable. */
  lose(region: Region): Promise<void>;
  /** Resolves when the condition holds. */
  until(holds: () => Promise<boolean>): Promise<void>;
}

const commandOf = (token: number, scope: Partial<RunCommand['scope']> = {}): RunCommand => ({
  scope: { service: 'checkout', run: `run_${token}`, from: 'east', to: 'west', ...scope },
  token,
});

const overridden = { kind: 'overridden', by: 'ana', reason: 'the tests say so' } as const;
const promotion: Promotion = {
  ...{ epoch: 2, region: 'west', timeline: 2, nextXid: null },
  switchPosition: positionOf(1, '0/3000000'),
};

/** Each command of a run, with arguments that do not matter where it is refused. */
const commands: Readonly<
  Record<string, (side: DatabaseSide, command: RunCommand) => Promise<unknown>>
> = {
  admit: (side, command) => side.admit(command),
  checkpoint: (side, command) => side.checkpoint(command),
  prewarm: (side, command) => side.prewarm(command),
  fence: (side, command) => side.fence({ ...command, openTransactionsMs: 0, deadlineMs: null }),
  unfence: (side, command) => side.unfence({ ...command, proof: overridden }),
  renounce: (side, command) => side.renounce(command),
  endPromises: (side, command) => side.endPromises(command),
  promote: (side, command) =>
    side.promote({ ...command, epoch: 2, proof: overridden, lossy: { sequenceAdvance: 1 } }),
  stop: (side, command) => side.stop(command),
  salvage: (side, command) =>
    side.salvage({
      ...command,
      ...{ epoch: 2, switchPosition: promotion.switchPosition, from: 0, limit: 10 },
    }),
  attach: (side, command) =>
    side.attach({ ...command, epoch: 2, upstream: 'east', promotion, discards: false }),
};

/** Calls that carry no run. */
const looks: Readonly<Record<string, (side: DatabaseSide) => Promise<unknown>>> = {
  status: (side) => side.status(),
  survey: (side) => side.survey(),
  upstream: (side) => side.upstream(),
  unsent: (side) => side.unsent({ beyond: promotion.switchPosition, limit: 1 }),
};

const refused = (code: string) => expect.objectContaining({ code });
const tooOld = refused('token-too-old');

const fence = (side: DatabaseSide, token: number, deadlineMs: number | null = null) =>
  side.fence({ ...commandOf(token), openTransactionsMs: 0, deadlineMs });

/** West has everything that the proof is about, and is promoted with it. */
async function promoteWest(
  { west, until }: SidesUnderTest,
  proof: ConfirmedFence,
): Promise<Promotion> {
  await until(async () => atLeast((await west.status()).received, proof.position));
  return west.promote({ ...commandOf(proof.token), epoch: 2, proof, lossy: null });
}

function atLeast(position: Position | null, other: Position): boolean {
  return position !== null && bytesOf(position) >= bytesOf(other);
}

/** West is promoted without two writes of east, which answers and is closed. */
async function promoteLossy(subject: SidesUnderTest): Promise<Promotion> {
  const { east, west, write, until } = subject;
  await subject.separate();
  for (let written = 0; written < 2; written += 1) expect(await write('east')).toBe(true);
  const promoted = await west.promote({
    ...commandOf(1),
    ...{ epoch: 2, proof: overridden, lossy: { sequenceAdvance: 100 } },
  });
  await fence(east, 2);
  await until(async () => (await east.status()).closed !== null);
  return promoted;
}

const checks = {
  'status tells the primary from the standby': async ({ east, west }: SidesUnderTest) => {
    expect(await east.status()).toMatchObject({
      ...{ region: 'east', service: 'checkout', role: 'primary', closed: null, promotion: null },
      ...{ peer: { region: 'west', confirmed: true }, token: 0, renounced: 0, accepted: null },
    });
    const standby = await west.status();
    expect(standby).toMatchObject({
      ...{ region: 'west', service: 'checkout', role: 'standby', streaming: true, token: 0 },
      ...{ peer: { region: 'east', confirmed: true }, clusterVerdict: { is: 'same' } },
    });
    expect(standby.received).not.toBeNull();
  },

  'a survey names nobody who would write past a fence': async ({ east }: SidesUnderTest) => {
    expect(await east.survey()).toEqual({
      ...{ region: 'east', writers: [], writersInAll: 0, missingRoles: [] },
      ...{ blindTables: [], blindTablesInAll: 0, doorCannot: [], guardLacks: [] },
      leaseLeavesOut: [],
    });
  },

  'upstream: the primary answers its standby, and a primary has none': async ({
    east,
    west,
  }: SidesUnderTest) => {
    expect(await west.upstream()).toMatchObject({ answers: true, said: expect.any(String) });
    expect(await east.upstream()).toMatchObject({ answers: null, said: expect.any(String) });
  },

  'unsent shows the rows that the standby does not have, and consumes nothing': async (
    subject: SidesUnderTest,
  ) => {
    const { east, west, write } = subject;
    await subject.separate();
    const { received: beyond } = await west.status();
    if (beyond === null) throw new Error('west has received nothing');
    for (let written = 0; written < 3; written += 1) expect(await write('east')).toBe(true);
    const unsent = await east.unsent({ beyond, limit: 2 });
    expect(unsent).toMatchObject({ state: 'read', count: 3, more: false });
    if (unsent.state !== 'read') throw new Error(unsent.why);
    expect(unsent.rows).toHaveLength(2);
    expect(unsent.rows[0]).toMatchObject({ table: 'public.orders', operation: 'insert' });
    expect(await east.unsent({ beyond, limit: 2 })).toEqual(unsent);
  },

  'unsent of a standby is unavailable, with a reason': async ({ west }: SidesUnderTest) => {
    const unsent = await west.unsent({ beyond: promotion.switchPosition, limit: 1 });
    expect(unsent).toEqual({ state: 'unavailable', why: expect.any(String) });
  },

  'every command refuses another service and other regions, and changes nothing': async ({
    east,
    west,
    write,
  }: SidesUnderTest) => {
    for (const command of Object.values(commands)) {
      for (const side of [east, west]) {
        const ofOther = command(side, commandOf(9, { service: 'search' }));
        await expect(ofOther).rejects.toEqual(refused('other-service'));
        const elsewhere = command(side, commandOf(9, { to: 'north' }));
        await expect(elsewhere).rejects.toEqual(refused('other-regions'));
      }
    }
    expect(await east.status()).toMatchObject({ role: 'primary', closed: null, token: 0 });
    expect(await west.status()).toMatchObject({ role: 'standby', token: 0, renounced: 0 });
    expect(await write('east')).toBe(true);
  },

  'admit raises the token, and changes nothing else': async ({ east, write }: SidesUnderTest) => {
    await east.admit(commandOf(3));
    await east.admit(commandOf(3));
    expect(await east.status()).toMatchObject({ token: 3, renounced: 0, closed: null });
    await expect(east.admit(commandOf(2))).rejects.toEqual(tooOld);
    expect(await write('east')).toBe(true);
  },

  'every command refuses an older token, and the same token of another run': async ({
    east,
    west,
    write,
  }: SidesUnderTest) => {
    for (const side of [east, west]) await side.admit(commandOf(5));
    for (const [name, command] of Object.entries(commands)) {
      // A promotion belongs to the region that the run goes to; `attach` names the other one.
      const side = name === 'promote' || name === 'attach' ? west : east;
      await expect(command(side, commandOf(4))).rejects.toEqual(tooOld);
      await expect(command(side, commandOf(5, { run: 'run_other' }))).rejects.toEqual(tooOld);
    }
    expect(await east.status()).toMatchObject({ role: 'primary', closed: null, token: 5 });
    expect(await west.status()).toMatchObject({ role: 'standby', renounced: 0 });
    expect(await write('east')).toBe(true);
  },

  'a checkpoint and a prewarm are safe to repeat': async ({ east, west }: SidesUnderTest) => {
    for (let round = 0; round < 2; round += 1) {
      await east.checkpoint(commandOf(1));
      const warmed = await west.prewarm(commandOf(1));
      expect(warmed.bytes).toBeGreaterThanOrEqual(0);
      expect(warmed.by).toEqual(expect.any(String));
    }
    expect(await west.status()).toMatchObject({ role: 'standby' });
  },

  'a fence closes the application out, and proves the last position; again gives the same proof':
    async ({ east, write }: SidesUnderTest) => {
      expect(await write('east')).toBe(true);
      const before = await east.status();
      const proof = await fence(east, 1);
      expect(proof).toMatchObject({ kind: 'confirmed', region: 'east', token: 1 });
      expect(atLeast(proof.position, before.position ?? proof.position)).toBe(true);
      expect(await write('east')).toBe(false);
      const closed = { by: 'fence', run: 'run_1', token: 1, deadlineMs: null };
      expect((await east.status()).closed).toMatchObject(closed);
      expect(await fence(east, 1)).toMatchObject({ kind: 'confirmed', token: 1 });
      expect(await write('east')).toBe(false);
    },

  'a standby has no writer to fence': async ({ west }: SidesUnderTest) => {
    await expect(fence(west, 1)).rejects.toEqual(refused('nothing-to-fence'));
  },

  'a fence that is taken back lets the application in; a late copy of it is refused': async ({
    east,
    write,
    until,
  }: SidesUnderTest) => {
    await fence(east, 1);
    const proof = { kind: 'never-asked', token: 1 } as const;
    await east.unfence({ ...commandOf(1), proof });
    await until(() => write('east'));
    await east.unfence({ ...commandOf(1), proof });
    await expect(fence(east, 1)).rejects.toEqual(refused('token-renounced'));
    expect(await write('east')).toBe(true);
  },

  'a fence is not taken back with the proof of another token': async ({
    east,
    write,
  }: SidesUnderTest) => {
    await fence(east, 2);
    for (const proof of [
      { kind: 'never-asked', token: 1 },
      { kind: 'renounced', region: 'west', token: 1 },
      { kind: 'renounced', region: 'north', token: 2 },
    ] as const) {
      const back = east.unfence({ ...commandOf(2), proof });
      await expect(back).rejects.toEqual(refused('proof-not-accepted'));
    }
    expect(await write('east')).toBe(false);
  },

  'a fence ends by itself when the peer has given its token up': async ({
    east,
    west,
    write,
    until,
  }: SidesUnderTest) => {
    await fence(east, 1, 1_000);
    await until(async () => (await east.status()).closed === null);
    await until(() => write('east'));
    expect((await west.status()).renounced).toBeGreaterThanOrEqual(1);
    await expect(commands['promote']?.(west, commandOf(1))).rejects.toEqual(
      refused('token-renounced'),
    );
  },

  'a renounced token is refused for good: no promotion with it, and none with a lower one': async (
    subject: SidesUnderTest,
  ) => {
    const { west } = subject;
    expect(await west.renounce(commandOf(3))).toEqual({ kind: 'renounced', token: 3 });
    expect(await west.renounce(commandOf(3))).toEqual({ kind: 'renounced', token: 3 });
    await expect(commands['promote']?.(west, commandOf(3))).rejects.toEqual(
      refused('token-renounced'),
    );
    expect(await west.status()).toMatchObject({ role: 'standby', renounced: 3 });
  },

  'a promotion with the proof of a fence makes west the writer; again gives the same promotion':
    async (subject: SidesUnderTest) => {
      const { east, west, write, until } = subject;
      const proof = await fence(east, 1);
      const promoted = await promoteWest(subject, proof);
      expect(promoted).toMatchObject({ epoch: 2, region: 'west', timeline: 2 });
      expect(atLeast(promoted.switchPosition, proof.position)).toBe(true);
      const command = { ...commandOf(1), epoch: 2, proof, lossy: null };
      expect(await west.promote(command)).toEqual(promoted);
      expect(await west.status()).toMatchObject({ role: 'primary', promotion: promoted });
      await until(() => write('west'));
      expect(await west.renounce(commandOf(1))).toMatchObject({ kind: 'accepted', epoch: 2 });
      expect(await write('east')).toBe(false);
    },

  'a promotion needs a proof of its own token, and everything up to its position (A1, A2)': async ({
    east,
    west,
  }: SidesUnderTest) => {
    const proof = await fence(east, 1);
    const far = positionOf(1, 'FF/0');
    const promote = (token: number, given: ConfirmedFence) =>
      west.promote({ ...commandOf(token), epoch: 2, proof: given, lossy: null });
    await expect(promote(1, { ...proof, position: far })).rejects.toEqual(
      refused('promotion-refused'),
    );
    await expect(promote(1, { ...proof, region: 'north' })).rejects.toEqual(
      refused('proof-not-accepted'),
    );
    await expect(promote(2, proof)).rejects.toEqual(refused('proof-not-accepted'));
    expect(await west.status()).toMatchObject({ role: 'standby', accepted: null });
  },

  'a lossy promotion opens the new writer, and ends the old one': async (
    subject: SidesUnderTest,
  ) => {
    const promoted = await promoteLossy(subject);
    expect(promoted).toMatchObject({ epoch: 2, region: 'west', timeline: 2 });
    await subject.until(() => subject.write('west'));
    expect(await subject.write('east')).toBe(false);
  },

  'a primary stops at once, and a standby goes on': async ({ east, west }: SidesUnderTest) => {
    await west.stop(commandOf(1));
    expect((await west.status()).role).toBe('standby');
    await east.stop(commandOf(1));
    await east.stop(commandOf(1));
    expect(await east.status()).toMatchObject({ role: 'stopped', position: null });
  },

  'an old primary that has nothing more is attached as it is; again answers the same': async (
    subject: SidesUnderTest,
  ) => {
    const { east, west, until } = subject;
    const promoted = await promoteWest(subject, await fence(east, 1));
    await east.stop(commandOf(1));
    const attach = () =>
      east.attach({
        ...commandOf(1),
        ...{ epoch: 2, upstream: 'west', promotion: promoted, discards: false },
      });
    expect(await attach()).toMatchObject({ way: 'as-is' });
    expect(await attach()).toMatchObject({ way: 'as-is' });
    await until(async () => (await east.status()).streaming);
    const attached = { role: 'standby', closed: null, promotion: promoted };
    expect(await east.status()).toMatchObject(attached);
    expect((await west.status()).role).toBe('primary');
  },

  'a primary that takes writes is neither attached nor salvaged': async ({
    east,
    write,
  }: SidesUnderTest) => {
    const attach = east.attach({
      ...commandOf(1),
      ...{ epoch: 2, upstream: 'west', promotion, discards: true },
    });
    await expect(attach).rejects.toEqual(refused('is-active'));
    await expect(commands['salvage']?.(east, commandOf(1))).rejects.toEqual(refused('is-active'));
    expect(await write('east')).toBe(true);
  },

  'lost writes are salvaged page by page, and kept until their reader has agreed': async (
    subject: SidesUnderTest,
  ) => {
    const { east, until } = subject;
    const promoted = await promoteLossy(subject);
    const { switchPosition } = promoted;
    await east.stop(commandOf(2));
    const page = (from: number) =>
      east.salvage({ ...commandOf(2), epoch: 2, switchPosition, from, limit: 1 });
    const first = await page(0);
    expect(first).toMatchObject({ state: 'complete', total: 2, blind: [] });
    if (first.state !== 'complete') throw new Error(first.why);
    expect(first.losses).toHaveLength(1);
    expect(first.losses[0]).toMatchObject({ table: 'public.orders', operation: 'insert' });
    expect(await page(0)).toEqual(first);
    const second = await page(1);
    if (second.state !== 'complete') throw new Error(second.why);
    expect(second.losses).toHaveLength(1);
    expect(second.losses[0]?.id).not.toBe(first.losses[0]?.id);

    const attach = (discards: boolean) =>
      east.attach({
        ...commandOf(2),
        ...{ epoch: 2, upstream: 'west', promotion: promoted, discards },
      });
    await expect(attach(false)).rejects.toEqual(refused('unread-writes'));
    expect(['rewind', 'copy']).toContain((await attach(true)).way);
    await until(async () => (await east.status()).streaming);
    expect(await page(0)).toEqual({ state: 'complete', losses: [], total: 0, blind: [] });
  },

  'without strict mode no promise was given, so none stands': async ({ west }: SidesUnderTest) => {
    expect(await west.endPromises(commandOf(1))).toEqual({ leftMs: 0 });
  },

  'a restart of the guard keeps the fence, the token and what was renounced (A5)': async (
    subject: SidesUnderTest,
  ) => {
    const { write, until } = subject;
    await fence(subject.east, 2);
    await subject.west.renounce(commandOf(2));
    for (const region of ['east', 'west'] as const) await subject.restart(region);
    await until(async () => (await subject.east.status()).closed?.by === 'fence');
    expect(await write('east')).toBe(false);
    expect(await subject.east.status()).toMatchObject({ token: 2, closed: { token: 2 } });
    expect(await subject.west.status()).toMatchObject({ token: 2, renounced: 2 });
    await expect(subject.east.admit(commandOf(1))).rejects.toEqual(tooOld);
  },

  'a guard that is gone is unreachable, for every call': async (subject: SidesUnderTest) => {
    await subject.lose('east');
    const away = { code: 'database-unreachable', disposition: 'retry' };
    for (const look of Object.values(looks)) {
      await expect(look(subject.east)).rejects.toMatchObject(away);
    }
    for (const command of Object.values(commands)) {
      await expect(command(subject.east, commandOf(1))).rejects.toMatchObject(away);
    }
  },
};

/** The contract of both sides of a database as tests; each implementation's test runs them. */
export function databaseSideConformance(
  name: string,
  open: () => Promise<SidesUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  contract({ title: `${name} keep the contract of a database side`, open, checks, cannot });
}
