import { afterEach, beforeEach, expect, test } from 'vitest';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import type { StepContext } from '../runbook/step.ts';
import type { DoorMode } from './door-wire.ts';
import { ask, codeOf, until, World } from './edge.fixture.ts';
import { HeldDoor } from './held-door.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

/** A door on virtual time with real requests, and the context of a run's step at that door. */
async function heldDoor() {
  const clock = createVirtualClock();
  const served = { region: 'east', clock, serve: (_: unknown, res: { end(): void }) => res.end() };
  const { edge, url } = await world.door(served);
  const counted = { asked: 0 };
  const door = {
    region: 'east',
    status: async () => edge.status(),
    set: async (mode: DoorMode, token: number) => {
      const status = await edge.set(mode, token);
      counted.asked += 1;
      return status;
    },
  };
  const run = { runId: 'r', service: 's', kind: 'switchover', from: 'east', to: 'west' };
  const context: StepContext = {
    run: { ...run, epoch: 1, token: 1 },
    clock,
    signal: new AbortController().signal,
    outcomes: new Map(),
    before: null,
    earlier: null,
    never: () => false,
    progress: () => {},
  };
  return { clock, edge, url, counted, door, context };
}

/** A step that ends when the test says so. */
function slowStep() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const step = {
    ...({ name: 'promote', title: '', waits: 'machine', timeoutMs: 1, pollMs: 1 } as const),
    undo: { none: '' },
    observe: async () => ({ state: 'pending', evidence: {} }) as const,
    act: () => promise,
  };
  return { step, finish: resolve };
}

test('a request waits through a step that takes ten times as long as the hold, and is answered', async () => {
  const { clock, edge, url, counted, door, context } = await heldDoor();
  const held = new HeldDoor({ door, holdMs: 2_000 });
  await held.hold(context);
  const answer = ask(url);
  await until(() => edge.status().held === 1);
  const { step, finish } = slowStep();
  const working = held.during(step).act(context);
  for (let n = 1; n <= 40; n++) {
    await clock.advance(500);
    await until(() => counted.asked === n + 1);
  }
  expect(edge.status()).toMatchObject({ held: 1, refused: 0, current: { mode: 'hold' } });
  finish();
  await working;
  await edge.set({ mode: 'serve', epoch: 2 }, 1);
  expect((await answer).status).toBe(200);
});

test('a run that stops working lets the request go after one hold', async () => {
  const { clock, edge, url, door, context } = await heldDoor();
  const held = new HeldDoor({ door, holdMs: 2_000 });
  await held.hold(context);
  const answer = ask(url);
  await until(() => edge.status().held === 1);
  const { step, finish } = slowStep();
  const working = held.during(step).act(context);
  finish();
  await working;
  await clock.advance(2_000);
  expect(codeOf(await answer)).toBe('door-held-too-long');
  expect(edge.status().current).toEqual({ mode: 'serve', epoch: 1 });
});

test('a controller that takes a run over renews the hold, and one that has not held yet does not', async () => {
  const { edge, counted, door, context } = await heldDoor();
  const held = new HeldDoor({ door, holdMs: 2_000 });
  const { step, finish } = slowStep();
  finish();
  await held.during(step).act(context);
  expect(counted.asked).toBe(0);
  const outcomes = new Map([['hold-door', {}]]);
  const { step: later, finish: end } = slowStep();
  const working = held.during(later).act({ ...context, outcomes });
  await until(() => counted.asked === 1);
  end();
  await working;
  expect(edge.status().current.mode).toBe('hold');
});
