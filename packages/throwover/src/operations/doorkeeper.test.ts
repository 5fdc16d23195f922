import { beforeEach, expect, it } from 'vitest';
import { World } from '../runs/runs.fixture.ts';
import { keepDoors } from './doorkeeper.ts';
import { operatedWorld, served } from './operated.fixture.ts';

let world: World;
let log: { readonly event: string }[];
beforeEach(async () => {
  world = await new World().begin();
  log = [];
});

const aMinute = (service = operatedWorld(world)) =>
  served(world, 60_000, (signal) =>
    keepDoors({ service, signal, log: (event) => log.push(event) }),
  );

/** The state after a promotion by hand that was adopted. */
const adopted = () => world.store.adoptEpoch({ service: 'checkout', epoch: 2, active: 'west' });

it('leaves doors alone that know the epoch', async () => {
  const before = structuredClone([world.doors.east.current, world.doors.west.current]);
  await aMinute();
  expect([world.doors.east.current, world.doors.west.current]).toEqual(before);
  expect(log).toEqual([]);
});

it('tells both after a promotion by hand, the active one first', async () => {
  await adopted();
  await aMinute();
  expect(world.doors.west.current).toEqual({ mode: 'serve', epoch: 2 });
  expect(world.doors.east.current).toMatchObject({ mode: 'forward', epoch: 2, region: 'west' });
  expect(log).toEqual([
    { event: 'door-told', region: 'west', mode: 'serve', epoch: 2 },
    { event: 'door-told', region: 'east', mode: 'forward', epoch: 2 },
  ]);
});

it('tells a door that was away when it is back', async () => {
  await adopted();
  world.east.away = true;
  await aMinute();
  expect(log).toMatchObject([{ region: 'west' }]);
  expect(world.doors.east.current).toMatchObject({ mode: 'serve', epoch: 1 });
  world.east.away = false;
  await aMinute();
  expect(world.doors.east.current).toMatchObject({ mode: 'forward', epoch: 2, region: 'west' });
});

it('leaves what the naive runbook leaves: it is kept to be compared with', async () => {
  await world.run('flip-only');
  expect(await world.store.service('checkout')).toMatchObject({ epoch: 2, active: 'west' });
  const before = structuredClone([world.doors.east.current, world.doors.west.current]);
  await aMinute();
  expect([world.doors.east.current, world.doors.west.current]).toEqual(before);
  expect(log).toEqual([]);
});

it('does nothing while a run is open, or automation is halted', async () => {
  await adopted();
  await world.store.setHalt({ by: 'bob', reason: 'freeze', wallMs: 0 });
  await aMinute();
  expect(log).toEqual([]);
  await world.store.setHalt(null);
  const { store } = world;
  const open = { ...(await store.service('checkout')), openRun: 'r1' };
  const busy = new Proxy(store, {
    get: (target, name: keyof typeof store) =>
      name === 'service' ? async () => open : Reflect.get(target, name).bind(target),
  });
  await aMinute({ ...operatedWorld(world), store: busy });
  expect(log).toEqual([]);
});
