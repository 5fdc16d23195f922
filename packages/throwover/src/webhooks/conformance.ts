import { expect } from 'vitest';
import { type Cannot, contract, type Subject } from '../kernel/contract.fixture.ts';
import type { GatewayControl } from './gateway-control.ts';
import type { GatewayMode, LossWindow } from './wire.ts';

/** A gateway of `east` that delivers to `east` in epoch 1, and that nobody has commanded. */
export interface GatewayUnderTest extends Subject {
  /** After `restart` this is another object. */
  readonly gateway: GatewayControl;
  /** Base URLs of the two regions' doors. */
  readonly urls: { readonly east: string; readonly west: string };
  /** Sends an event, and resolves when the gateway has accepted it. */
  accept(id: string): Promise<void>;
  /** The events that each application has answered with 2xx, as often as it did. */
  readonly effects: { readonly east: readonly string[]; readonly west: readonly string[] };
  /** The position that applications answer from now on. */
  position: string;
  /** From now on applications answer only when the condition holds. */
  blockUntil(holds: () => Promise<boolean>): void;
  /** Resolves when the condition holds. */
  until(holds: () => boolean | Promise<boolean>): Promise<void>;
  /** The gateway's own wall clock. */
  wallMs(): number;
  /** Ends its process and starts another one with its journal. */
  restart(): Promise<void>;
  /** Makes it unreachable. */
  lose(): Promise<void>;
}

const hold = (epoch: number): GatewayMode => ({ mode: 'hold', epoch });
const deliver = (
  { urls }: GatewayUnderTest,
  region: 'east' | 'west',
  epoch: number,
): GatewayMode => ({ mode: 'deliver', epoch, region, url: urls[region] });

const refused = { code: 'gateway-refused', disposition: 'stop' };
const away = { code: 'gateway-unreachable', disposition: 'retry' };

/** Positions of one timeline; the switch was at `beyond`. */
const beforeSwitch = '00000001/0000000000001000';
const beyond = '00000001/0000000000002000';
const afterSwitch = '00000001/0000000000003000';
const otherTimeline = '00000002/0000000000003000';

const window = (change: Partial<LossWindow>): LossWindow => ({
  ...{ key: 'run_1', epoch: 1, fromWallMs: null, beyond },
  ...change,
});

/** Has an event delivered to east, answered with this position. */
async function delivered(subject: GatewayUnderTest, id: string, position: string): Promise<void> {
  subject.position = position;
  await subject.accept(id);
  await subject.until(async () => (await subject.gateway.status()).backlog === 0);
}

const checks = {
  'accepts and delivers where it was told to': async (subject: GatewayUnderTest) => {
    const { gateway } = subject;
    expect(gateway.region).toBe('east');
    expect(await gateway.status()).toMatchObject({
      ...{ region: 'east', current: deliver(subject, 'east', 1) },
      ...{ backlog: 0, refusedWaiting: 0, redelivering: 0, inFlight: 0, deadLetters: 0 },
      ...{ accepted: 0, delivered: 0, oldestMs: null },
    });
    await delivered(subject, 'evt_1', beforeSwitch);
    expect(subject.effects).toEqual({ east: ['evt_1'], west: [] });
    expect(await gateway.status()).toMatchObject({ accepted: 1, delivered: 1, oldestMs: null });
  },

  'an event that comes twice is accepted once': async (subject: GatewayUnderTest) => {
    await subject.gateway.set(hold(1), 1);
    await subject.accept('evt_1');
    await subject.accept('evt_1');
    expect(await subject.gateway.status()).toMatchObject({ accepted: 1, backlog: 1 });
  },

  'each mode is in force when `set` has answered, and the same command again changes nothing':
    async (subject: GatewayUnderTest) => {
      for (const mode of [hold(1), deliver(subject, 'west', 2), hold(3)]) {
        const token = mode.epoch;
        expect((await subject.gateway.set(mode, token)).current).toEqual(mode);
        expect((await subject.gateway.set(mode, token)).current).toEqual(mode);
        expect((await subject.gateway.status()).current).toEqual(mode);
      }
    },

  'while it holds it accepts and delivers nothing; then the new region gets everything': async (
    subject: GatewayUnderTest,
  ) => {
    const { gateway } = subject;
    await gateway.set(hold(1), 1);
    for (const id of ['evt_1', 'evt_2']) await subject.accept(id);
    const held = await gateway.status();
    expect(held).toMatchObject({ backlog: 2, accepted: 2, delivered: 0, inFlight: 0 });
    expect(held.oldestMs).toBeGreaterThanOrEqual(0);
    await gateway.set(deliver(subject, 'west', 2), 1);
    await subject.until(async () => (await gateway.status()).backlog === 0);
    expect({ ...subject.effects, west: [...subject.effects.west].sort() }).toEqual({
      east: [],
      west: ['evt_1', 'evt_2'],
    });
  },

  'no delivery is in flight when a hold has answered': async (subject: GatewayUnderTest) => {
    const { gateway } = subject;
    const modeIs = async (mode: string) => (await gateway.status()).current.mode === mode;
    subject.blockUntil(() => modeIs('hold'));
    await subject.accept('evt_1');
    await subject.until(async () => (await gateway.status()).inFlight === 1);
    const status = await gateway.set(hold(1), 1);
    expect(status.inFlight).toBe(0);
    expect(subject.effects.east).toEqual(['evt_1']);
    expect(status).toMatchObject({ backlog: 0, delivered: 1 });
  },

  'an older epoch and an older token are refused': async (subject: GatewayUnderTest) => {
    const { gateway } = subject;
    await gateway.set(hold(3), 5);
    await expect(gateway.set(deliver(subject, 'east', 2), 9)).rejects.toMatchObject(refused);
    await expect(gateway.set(deliver(subject, 'west', 4), 4)).rejects.toMatchObject(refused);
    await expect(gateway.redeliver(window({}), 4)).rejects.toMatchObject(refused);
    expect((await gateway.status()).current).toEqual(hold(3));
  },

  'a redelivery counts as a command: an older token is refused after it': async (
    subject: GatewayUnderTest,
  ) => {
    const { gateway } = subject;
    await gateway.redeliver(window({}), 9);
    await expect(gateway.set(hold(1), 8)).rejects.toMatchObject(refused);
    await expect(gateway.redeliver(window({ key: 'run_2' }), 8)).rejects.toMatchObject(refused);
  },

  'a hold that comes after a delivery of its own run is a late copy, and refused': async (
    subject: GatewayUnderTest,
  ) => {
    const { gateway } = subject;
    await gateway.set(hold(1), 1);
    await gateway.set(deliver(subject, 'west', 2), 1);
    await expect(gateway.set(hold(2), 1)).rejects.toMatchObject(refused);
    expect((await gateway.status()).current.mode).toBe('deliver');
    expect((await gateway.set(hold(2), 2)).current).toEqual(hold(2));
  },

  'delivers again what was answered beyond a position of the same timeline': async (
    subject: GatewayUnderTest,
  ) => {
    const { gateway } = subject;
    await delivered(subject, 'evt_before', beforeSwitch);
    await delivered(subject, 'evt_other', otherTimeline);
    await delivered(subject, 'evt_lost', afterSwitch);
    await gateway.set(deliver(subject, 'west', 2), 1);
    expect(await gateway.redeliver(window({}), 1)).toEqual({ events: 1 });
    await subject.until(() => subject.effects.west.length > 0);
    expect(subject.effects.west).toEqual(['evt_lost']);
  },

  'delivers again what was delivered from a time on': async (subject: GatewayUnderTest) => {
    const { gateway } = subject;
    await delivered(subject, 'evt_before', beforeSwitch);
    const beforeMs = subject.wallMs();
    await subject.until(() => subject.wallMs() > beforeMs);
    const fromWallMs = subject.wallMs();
    await delivered(subject, 'evt_inside', beforeSwitch);
    await gateway.set(deliver(subject, 'west', 2), 1);
    const found = await gateway.redeliver(window({ fromWallMs, beyond: null }), 1);
    expect(found).toEqual({ events: 1 });
    await subject.until(() => subject.effects.west.length > 0);
    expect(subject.effects.west).toEqual(['evt_inside']);
  },

  'delivers nothing again that was delivered in a newer epoch, nor without time and position':
    async (subject: GatewayUnderTest) => {
      const { gateway } = subject;
      await delivered(subject, 'evt_old', afterSwitch);
      const nothing = window({ key: 'run_0', beyond: null });
      expect(await gateway.redeliver(nothing, 1)).toEqual({ events: 0 });
      await gateway.set(deliver(subject, 'east', 2), 1);
      await delivered(subject, 'evt_new', afterSwitch);
      expect(await gateway.redeliver(window({ fromWallMs: 0 }), 1)).toEqual({ events: 1 });
    },

  'the same redelivery again is done, and says the same number, also after a restart': async (
    subject: GatewayUnderTest,
  ) => {
    await delivered(subject, 'evt_1', afterSwitch);
    await subject.gateway.set(hold(1), 1);
    expect(await subject.gateway.redeliver(window({}), 1)).toEqual({ events: 1 });
    const put = { backlog: 1, redelivering: 1, delivered: 0 };
    expect(await subject.gateway.status()).toMatchObject(put);
    await subject.restart();
    expect(await subject.gateway.status()).toMatchObject(put);
    await subject.gateway.set(deliver(subject, 'west', 2), 1);
    await subject.until(async () => (await subject.gateway.status()).backlog === 0);
    expect(await subject.gateway.redeliver(window({}), 1)).toEqual({ events: 1 });
    expect(await subject.gateway.status()).toMatchObject({ backlog: 0, redelivering: 0 });
    expect(subject.effects.west).toEqual(['evt_1']);
  },

  'a restart keeps the mode, the newest epoch and token, and every accepted event (A3, A5)': async (
    subject: GatewayUnderTest,
  ) => {
    await subject.gateway.set(hold(2), 5);
    await subject.accept('evt_1');
    await subject.restart();
    const { gateway } = subject;
    expect(await gateway.status()).toMatchObject({ current: hold(2), backlog: 1, accepted: 1 });
    await expect(gateway.set(deliver(subject, 'east', 1), 9)).rejects.toMatchObject(refused);
    await expect(gateway.set(deliver(subject, 'east', 2), 4)).rejects.toMatchObject(refused);
    await gateway.set(deliver(subject, 'west', 2), 5);
    await subject.until(() => subject.effects.west.length > 0);
    expect(subject.effects).toEqual({ east: [], west: ['evt_1'] });
  },

  'a gateway that is gone is unreachable, for a look and for a command': async (
    subject: GatewayUnderTest,
  ) => {
    await subject.lose();
    const { gateway } = subject;
    await expect(gateway.status()).rejects.toMatchObject(away);
    await expect(gateway.set(hold(1), 1)).rejects.toMatchObject(away);
    await expect(gateway.redeliver(window({}), 1)).rejects.toMatchObject(away);
  },
};

/** The contract of a gateway as tests; each implementation's test runs them. */
export function gatewayConformance(
  name: string,
  open: () => Promise<GatewayUnderTest>,
  cannot: Cannot<typeof checks> = {},
): void {
  contract({ title: `${name} keeps the contract of a gateway`, open, checks, cannot });
}
