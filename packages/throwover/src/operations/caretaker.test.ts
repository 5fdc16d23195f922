import { beforeEach, expect, it } from 'vitest';
import { approve, executeRun, planDigest } from '../runbook/runbook.ts';
import { World } from '../runs/runs.fixture.ts';
import { type CaretakerEvent, caretake } from './caretaker.ts';
import { operatedWorld, served } from './operated.fixture.ts';

let world: World;
let log: CaretakerEvent[];
beforeEach(async () => {
  world = await new World().begin();
  log = [];
});

/**
 * A controller that is killed while `command` is on its way to a guard: nothing of it continues.
 */
async function killedAt(side: 'east' | 'west', command: string): Promise<void> {
  const definition = world.define('switchover');
  const plan = await world.plan('switchover', definition);
  const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: [] });
  const { store, clock } = world;
  let killed = () => {};
  const dead = new Promise<void>((resolve) => {
    killed = resolve;
  });
  let alive = true;
  const mortal = new Proxy(store, {
    get: (target, name: keyof typeof store) => (input: never) =>
      alive ? target[name](input) : new Promise(() => {}),
  });
  world[side].before = (asked) => {
    if (asked !== command) return;
    alive = false;
    killed();
  };
  const { steps, claim } = definition;
  void executeRun({ store: mortal, clock, steps, claim, owner: 'x', plan, mandate });
  await clock.until(dead);
  world[side].before = () => {};
}

/** Lets `throwover serve` look after the service for a minute. */
const aMinute = () =>
  served(world, 60_000, (signal) =>
    caretake({ service: operatedWorld(world), signal, log: (event) => log.push(event) }),
  );

it('opens the old side again when its controller died between fence and promote', async () => {
  await killedAt('east', 'fence');
  await aMinute();
  expect(world.east).toMatchObject({ role: 'primary', closed: null });
  expect(await world.store.service('checkout')).toMatchObject({ openRun: null, active: 'east' });
  expect(log).toMatchObject([
    { event: 'run-taken-over', way: 'undo' },
    { event: 'run-left', status: 'undone' },
  ]);
});

it('goes forward when the promotion was asked for', async () => {
  await killedAt('west', 'promote');
  await aMinute();
  expect(world.west.role).toBe('primary');
  expect(await world.store.service('checkout')).toMatchObject({ openRun: null, active: 'west' });
  expect(log.at(-1)).toMatchObject({ event: 'run-left', status: 'succeeded' });
});

it('does nothing while automation is halted, and leaves a living controller alone', async () => {
  await killedAt('east', 'fence');
  await world.store.setHalt({ by: 'bob', reason: 'freeze', wallMs: 0 });
  await aMinute();
  expect(log).toMatchObject([{ event: 'halted', reason: 'freeze' }]);
  expect(world.east.closed).not.toBeNull();

  const { runId } = await world.newestRun();
  await world.store.setHalt(null);
  const lease = await world.store.takeRun({ runId, owner: 'alive', leaseMs: 500_000, force: true });
  await aMinute();
  expect((await world.store.run(runId)).token).toBe(lease.token);
});

it.each([
  ['goes back', 'east', 'fence', false],
  ['goes forward', 'west', 'promote', true],
] as const)(
  'reads no earlier journal while a living controller carries the run, and later only to go forward: it %s',
  async (_way, side, command, reads) => {
    await killedAt(side, command);
    const { runId } = await world.newestRun();
    await world.store.takeRun({ runId, owner: 'alive', leaseMs: 30_000, force: true });
    const asked: string[] = [];
    const store = new Proxy(world.store, {
      get: (target, name: keyof typeof world.store) => {
        asked.push(name);
        return target[name].bind(target);
      },
    });
    const service = { ...operatedWorld(world), store };
    await served(world, 20_000, (signal) => caretake({ service, signal, log: () => {} }));
    expect(asked).toContain('takeRun');
    expect(asked).not.toContain('runs');
    await served(world, 20_000, (signal) => caretake({ service, signal, log: () => {} }));
    expect((await world.store.service('checkout')).openRun).toBeNull();
    expect(asked.includes('runs')).toBe(reads);
  },
);

it('comes back later each time to a run that stays open', async () => {
  await killedAt('east', 'fence');
  world.east.guardAway = true;
  await aMinute();
  const taken = log.filter(({ event }) => event === 'run-taken-over').length;
  expect(taken).toBeGreaterThanOrEqual(2);
  expect(taken).toBeLessThanOrEqual(4);
  world.east.guardAway = false;
  await aMinute();
  await aMinute();
  expect(world.east.closed).toBeNull();
});
