import { seededRandom } from '../kernel/kernel.ts';
import { createVirtualClock, type VirtualClock } from '../kernel/virtual-clock.ts';
import { createMemoryStore } from '../store/memory/memory-store.ts';
import type { JournalRecord, Store } from '../store/store.ts';
import type { RunEvent } from './events.ts';
import { executeRun, type RunResult } from './execute.ts';
import { approve } from './mandate.ts';
import { done, pending } from './observe.ts';
import type { ExecuteOptions } from './opening.ts';
import { makePlan, type Plan, planDigest } from './plan.ts';
import type { Step } from './step.ts';

/** What the steps of the tests change: named switches, and how often each was thrown. */
export class World {
  readonly on = new Set<string>();
  readonly log: string[] = [];

  throwSwitch(name: string): void {
    this.on.add(name);
    this.log.push(name);
  }
  takeBack(name: string): void {
    this.on.delete(name);
    this.log.push(`-${name}`);
  }
}

/** A convergent step on one switch, with an undo. */
export function switchStep(world: World, name: string, change: Partial<Step> = {}): Step {
  return {
    name,
    title: `Throw ${name}`,
    waits: 'machine',
    timeoutMs: 10_000,
    pollMs: 10,
    undo: async () => world.takeBack(name),
    observe: async () => (world.on.has(name) ? done({ name }) : pending({ name })),
    act: async () => world.throwSwitch(name),
    ...change,
  };
}

/** hold, fence, catch-up (found done), promote (no return), open-epoch (in the store), settle. */
export function switchoverLike(world: World, store: Store): Step[] {
  const forwardOnly = { undo: { none: 'comes after the point of no return' } };
  return [
    switchStep(world, 'hold'),
    switchStep(world, 'fence'),
    switchStep(world, 'catch-up', {
      undo: { none: 'nothing was changed' },
      observe: async () => (world.on.has('fence') ? done({ position: 'p' }) : pending({})),
    }),
    switchStep(world, 'promote', { ...forwardOnly, noReturn: true }),
    openEpoch(world, store),
    switchStep(world, 'settle', forwardOnly),
  ];
}

function openEpoch(world: World, store: Store): Step {
  return switchStep(world, 'open-epoch', {
    undo: { none: 'comes after the point of no return' },
    observe: async ({ run }) => {
      const { epoch, active } = await store.service(run.service);
      return epoch === run.epoch + 1 ? done({ epoch, active }) : pending({ epoch, active });
    },
    act: async ({ run: { service, runId, token, epoch } }) => {
      await store.openEpoch({ service, runId, token, epoch: epoch + 1, active: 'west' });
    },
  });
}

export function planOf(steps: readonly Step[], change: Partial<Plan> = {}): Plan {
  return makePlan({
    service: 'checkout',
    kind: 'switchover',
    from: 'east',
    to: 'west',
    epoch: 1,
    guards: [],
    facts: {},
    ...change,
    steps,
  });
}

type Beginning = Extract<ExecuteOptions, { plan: Plan }>;
type Resuming = Extract<ExecuteOptions, { resumeOf: object }>;

export interface Bench {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly world: World;
  readonly events: RunEvent[];
  /** Runs to the end on virtual time. */
  begin(steps: readonly Step[], more?: Partial<Beginning>): Promise<RunResult>;
  resume(steps: readonly Step[], more?: Partial<Resuming>): Promise<RunResult>;
  /** Starts without waiting. */
  starting(steps: readonly Step[], more?: Partial<Beginning>): Promise<RunResult>;
  journal(): Promise<readonly JournalRecord[]>;
  /** `type step` of each record. */
  story(): Promise<string[]>;
}

/** A store in memory with the service registered, on virtual time. */
export async function createBench(): Promise<Bench> {
  const clock = createVirtualClock();
  const store = createMemoryStore({ clock, random: seededRandom(7) });
  await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => {
    events.push(event);
  };

  const newestRun = async () => {
    const [run] = await store.runs({ limit: 1 });
    if (run === undefined) throw new Error('no run began');
    return run.runId;
  };
  const starting: Bench['starting'] = (steps, more = {}) => {
    const plan = planOf(steps);
    const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: [] });
    const base = { store, clock, steps, owner: 'first', onEvent, plan, mandate };
    return executeRun({ ...base, ...more });
  };
  const journal = async () => (await store.run(await newestRun())).records;
  return {
    clock,
    store,
    world: new World(),
    events,
    starting,
    begin: (steps, more) => clock.until(starting(steps, more)),
    resume: async (steps, more = {}) => {
      const resumeOf = more.resumeOf ?? { runId: await newestRun(), force: true };
      const base = { store, clock, steps, owner: 'second', onEvent };
      return clock.until(executeRun({ ...base, ...more, resumeOf }));
    },
    journal,
    story: async () =>
      (await journal()).map((record) =>
        'step' in record ? `${record.type} ${record.step}` : record.type,
      ),
  };
}

export class Killed extends Error {}

/**
 * Everything that one controller reaches, until it is killed: from then on nothing that it calls does
 * anything. `at` counts appends to the journal and effects of acts and undos, in the order in which
 * they happen; the controller dies after number `at` has happened, before it hears of it.
 */
export function mortal(at: number) {
  let count = 0;
  let dead = false;
  const alive = () => {
    if (dead) throw new Killed('killed');
  };
  const happened = () => {
    count += 1;
    if (count !== at) return;
    dead = true;
    throw new Killed('killed');
  };
  return {
    get dead() {
      return dead;
    },
    store: (store: Store): Store =>
      new Proxy(store, {
        get: (target, name: keyof Store) => async (input: never) => {
          alive();
          const result = await target[name](input);
          if (name === 'append') happened();
          return result;
        },
      }),
    steps: (steps: readonly Step[]): Step[] =>
      steps.map((step) => {
        const undo = step.undo;
        return {
          ...step,
          observe: async (context) => {
            alive();
            return step.observe(context);
          },
          act: async (context) => {
            alive();
            await step.act(context);
            happened();
          },
          undo:
            typeof undo === 'function'
              ? async (context) => {
                  alive();
                  await undo(context);
                  happened();
                }
              : undo,
        };
      }),
  };
}

/** Resolves when `condition` holds, letting everything else run; for what needs no time. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 10_000) throw new Error('did not come about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
