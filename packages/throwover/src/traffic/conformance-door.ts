import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { Door } from './door.ts';
import type { DoorMode } from './door-wire.ts';

/** A door of the region `east` that serves in epoch 1, and that nobody has commanded. */
export interface DoorUnderTest extends Subject {
  /** After `restart` this is another object. */
  readonly door: Door;
  /** Moves the door's own clock. */
  advance(ms: number): Promise<void>;
  /** Ends its process and starts another one with the state on its disk. */
  restart(): Promise<void>;
  /** Makes it unreachable. */
  lose(): Promise<void>;
}

const serve = (epoch: number): DoorMode => ({ mode: 'serve', epoch });
const hold = (epoch: number, maxMs = 2_000): DoorMode => ({ mode: 'hold', epoch, maxMs });
const cut = (epoch: number): DoorMode => ({ mode: 'cut', epoch, maxMs: 2_000 });
const west = { region: 'west', url: 'http://127.0.2.1:7607' };
const forward = (epoch: number): DoorMode => ({ mode: 'forward', epoch, ...west });
const share = (epoch: number): DoorMode => ({
  mode: 'share',
  epoch,
  ...west,
  share: 0.5,
  maxMs: 2_000,
});

const refused = { code: 'door-refused', disposition: 'stop' };
const away = { code: 'door-unreachable', disposition: 'retry' };

const modeOf = async ({ door }: DoorUnderTest) => (await door.status()).current;

/** Expects that a timed mode ends at its time, not before, and that the door then does `then`. */
async function endsIn(subject: DoorUnderTest, mode: DoorMode, then: DoorMode): Promise<void> {
  await subject.door.set(mode, 1);
  await subject.advance(1_000);
  expect(await modeOf(subject)).toEqual(mode);
  await subject.advance(2_000);
  expect(await modeOf(subject)).toEqual(then);
}

const checks = {
  'each mode is in force when `set` has answered': async (subject: DoorUnderTest) => {
    expect(subject.door.region).toBe('east');
    expect(await subject.door.status()).toMatchObject({ region: 'east', current: serve(1) });
    for (const mode of [hold(1), cut(1), share(1), forward(1), serve(2)]) {
      const answer = await subject.door.set(mode, 1);
      expect(answer).toMatchObject({ region: 'east', current: mode });
      expect(await modeOf(subject)).toEqual(mode);
    }
  },

  'the same command again changes nothing': async (subject: DoorUnderTest) => {
    for (const mode of [hold(1), forward(2)]) {
      await subject.door.set(mode, 1);
      expect((await subject.door.set(mode, 1)).current).toEqual(mode);
    }
  },

  'an older epoch is refused, whatever its token': async (subject: DoorUnderTest) => {
    await subject.door.set(forward(3), 5);
    await expect(subject.door.set(serve(2), 9)).rejects.toMatchObject(refused);
    expect(await modeOf(subject)).toEqual(forward(3));
  },

  'an older token of the same epoch is refused; a newer epoch brings its own tokens': async (
    subject: DoorUnderTest,
  ) => {
    await subject.door.set(serve(2), 5);
    await expect(subject.door.set(forward(2), 4)).rejects.toMatchObject(refused);
    expect(await modeOf(subject)).toEqual(serve(2));
    await subject.door.set(forward(3), 1);
    expect(await modeOf(subject)).toEqual(forward(3));
  },

  'a hold, a cut and a share end by themselves, and the door serves again': async (
    subject: DoorUnderTest,
  ) => {
    for (const mode of [hold(1), cut(1), share(1)]) await endsIn(subject, mode, serve(1));
  },

  'a door that forwards forwards again after a hold, a cut and a share': async (
    subject: DoorUnderTest,
  ) => {
    await subject.door.set(forward(1), 1);
    for (const mode of [hold(1), cut(1), share(1)]) await endsIn(subject, mode, forward(1));
  },

  'a hold that is asked for again counts from then': async (subject: DoorUnderTest) => {
    await subject.door.set(hold(1), 1);
    await subject.advance(1_500);
    await subject.door.set(hold(1), 1);
    await subject.advance(1_500);
    expect(await modeOf(subject)).toEqual(hold(1));
  },

  'a hold that comes after its own run has released the door is a late copy, and refused': async (
    subject: DoorUnderTest,
  ) => {
    await subject.door.set(hold(1), 1);
    await subject.door.set(serve(1), 1);
    await expect(subject.door.set(hold(1), 1)).rejects.toMatchObject(refused);
    expect(await modeOf(subject)).toEqual(serve(1));
    await subject.door.set(hold(1), 2);
    expect(await modeOf(subject)).toEqual(hold(1));
  },

  'a restart keeps a lasting mode, and the newest epoch and token (A5)': async (
    subject: DoorUnderTest,
  ) => {
    await subject.door.set(forward(2), 5);
    await subject.restart();
    expect(await modeOf(subject)).toEqual(forward(2));
    await expect(subject.door.set(serve(1), 9)).rejects.toMatchObject(refused);
    await expect(subject.door.set(serve(2), 4)).rejects.toMatchObject(refused);
    await subject.door.set(serve(2), 5);
  },

  'a restart ends a hold, and keeps its epoch and token (A5)': async (subject: DoorUnderTest) => {
    await subject.door.set(hold(2), 5);
    await subject.restart();
    expect((await modeOf(subject)).mode).toBe('serve');
    await expect(subject.door.set(hold(1), 9)).rejects.toMatchObject(refused);
    await expect(subject.door.set(hold(2), 4)).rejects.toMatchObject(refused);
  },

  'a door that is gone is unreachable, for a look and for a command': async (
    subject: DoorUnderTest,
  ) => {
    await subject.lose();
    await expect(subject.door.status()).rejects.toMatchObject(away);
    await expect(subject.door.set(serve(2), 1)).rejects.toMatchObject(away);
  },
};

/** The contract of a door as tests; each implementation's test runs them. */
export function doorConformance(
  name: string,
  open: () => Promise<DoorUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  contract({ title: `${name} keeps the contract of a door`, open, checks, cannot });
}
