import { headers as wire } from '@throwover/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../kernel/kernel.ts';
import { httpGateway } from '../providers/http/gateway.ts';
import {
  application,
  eventsOf,
  gatewayConfig,
  post,
  secret,
  stripeEvent,
  temporaryDirectory,
  until,
} from './gateway.fixture.ts';
import { type RunningGateway, startGateway } from './gateway.ts';
import type { GatewayControl } from './gateway-control.ts';

/** The position that east's application reports for its commits; the switch was at ...2000. */
const beforeSwitch = '00000001/0000000000001000';
const beyondSwitch = '00000001/0000000000003000';

let directory: ReturnType<typeof temporaryDirectory>;
let east: Awaited<ReturnType<typeof application>>;
let west: Awaited<ReturnType<typeof application>>;
let gateway: RunningGateway;
let control: GatewayControl;
let position: string;

const begin = async () => {
  gateway = await startGateway(gatewayConfig(directory.path, east.url), {
    env: { STRIPE_SECRET: secret },
    log: () => {},
  });
  control = httpGateway({ region: 'east', url: gateway.adminUrl });
};

beforeEach(async () => {
  directory = temporaryDirectory();
  position = beforeSwitch;
  east = await application(() => ({ status: 200, headers: { [wire.position]: position } }));
  west = await application();
  await begin();
});
afterEach(async () => {
  await gateway.close();
  await Promise.all([east.close(), west.close()]);
  directory.remove();
});

async function delivered(id: string): Promise<void> {
  await post(`${gateway.url}/in/stripe`, stripeEvent(id));
  await until(() => east.effects.has(id));
  await until(async () => (await control.status()).backlog === 0);
}

const window = (change: object) => ({
  key: 'run_1',
  epoch: 1,
  fromWallMs: null,
  beyond: '00000001/0000000000002000',
  ...change,
});

describe('a loss window', () => {
  it('is delivered again, marked, to the new region: by position where there is one', async () => {
    await delivered('evt_safe');
    position = beyondSwitch;
    await delivered('evt_lost');
    await control.set({ mode: 'deliver', epoch: 2, region: 'west', url: west.url }, 5);
    expect(await control.redeliver(window({}), 5)).toEqual({ events: 1 });
    await until(() => west.effects.has('evt_lost'));
    expect(west.seen.map(({ id }) => id)).toEqual(['evt_lost']);
    expect(west.seen[0]?.headers[wire.redelivery]).toBe('1');
    expect(west.seen[0]?.attempt).toBe(2);
    expect(east.seen[0]?.headers[wire.redelivery]).toBeUndefined();
  });

  it('is delivered again by time where positions say nothing', async () => {
    await delivered('evt_before');
    const fromWallMs = systemClock.wallMs();
    await delivered('evt_inside');
    await control.set({ mode: 'deliver', epoch: 2, region: 'west', url: west.url }, 5);
    expect(await control.redeliver(window({ fromWallMs, beyond: null }), 5)).toEqual({ events: 1 });
    await until(() => west.effects.has('evt_inside'));
    expect(west.effects.has('evt_before')).toBe(false);
  });

  it('is put back once per run, and survives a restart of the gateway', async () => {
    position = beyondSwitch;
    await delivered('evt_1');
    await control.set({ mode: 'hold', epoch: 1 }, 5);
    expect(await control.redeliver(window({}), 5)).toEqual({ events: 1 });
    expect(await control.status()).toMatchObject({ backlog: 1, redelivering: 1, delivered: 0 });
    await gateway.close();
    await begin();
    await control.set({ mode: 'deliver', epoch: 2, region: 'west', url: west.url }, 5);
    await until(() => west.effects.has('evt_1'));
    await until(async () => (await control.status()).backlog === 0);
    expect(await control.redeliver(window({}), 5)).toEqual({ events: 1 });
    expect(await control.status()).toMatchObject({ backlog: 0, redelivering: 0, delivered: 1 });
    expect(west.seen).toHaveLength(1);
  });

  it('does not take back what was delivered in the new epoch', async () => {
    await control.set({ mode: 'deliver', epoch: 2, region: 'east', url: east.url }, 5);
    position = beyondSwitch;
    await delivered('evt_new');
    expect(await control.redeliver(window({ fromWallMs: 0 }), 5)).toEqual({ events: 0 });
  });

  it('is refused from a controller that lost its run', async () => {
    await delivered('evt_1');
    await control.set({ mode: 'deliver', epoch: 1, region: 'east', url: east.url }, 9);
    await expect(control.redeliver(window({ fromWallMs: 0 }), 5)).rejects.toMatchObject({
      code: 'gateway-refused',
    });
    expect(await eventsOf(gateway.adminUrl, '&state=pending')).toEqual([]);
  });
});

it('status tells what waits after a refusal', async () => {
  const refusing = await application(() => ({ status: 500 }));
  await control.set({ mode: 'deliver', epoch: 2, region: 'west', url: refusing.url }, 5);
  await post(`${gateway.url}/in/stripe`, stripeEvent('evt_refused'));
  await until(async () => (await control.status()).refusedWaiting === 1);
  expect(await control.status()).toMatchObject({ backlog: 1, refusedWaiting: 1, redelivering: 0 });
  await refusing.close();
});
