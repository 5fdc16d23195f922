import { defineErrors, seededRandom } from '../../kernel/kernel.ts';
import { createVirtualClock, type VirtualClock } from '../../kernel/virtual-clock.fixture.ts';
import { createMemoryStore } from '../../store/memory/memory-store.ts';
import { type Plan, planDigest } from '../../store/plan.ts';
import type { Store } from '../../store/port.ts';
import type { JournalRecord } from '../../store/shapes.ts';
import { done, pending } from '../observe.ts';
import { approve } from '../plan/mandate.ts';
import { makePlan } from '../plan/plan.ts';
import type { Step } from '../step.ts';
import type { RunEvent } from './events.ts';
import { executeRun, type RunResult } from './execute.ts';
import type { ExecuteOptions } from './opening.ts';

const guardErrors = defineErrors({
  'token-too-old': { disposition: 'stop', notLost: '-', remedy: '-' },
  'token-renounced': { disposition: 'stop', notLost: '-', remedy: '-' },
  'guard-away': { disposition: 'wait', notLost: '-', remedy: '-' },
  'promotion-accepted': { disposition: 'stop', notLost: '-', remedy: '-' },
});

/** A model of the guard beside the standby, as far as a run sees it. */
export class StandbyGuard {
  away = false;
  token = 0;
  renounced = 0;

  answer(): void {
    if (this.away) throw guardErrors.make('guard-away', 'no answer');
  }
  admit(token: number): void {
    this.answer();
    if (token < this.token) throw guardErrors.make('token-too-old', `${token}`);
    this.token = token;
  }
  promote(world: World, token: number): void {
    this.admit(token);
    if (token <= this.renounced) throw guardErrors.make('token-renounced', `${token}`);
    world.throwSwitch('promote');
  }
  renounce(world: World, token: number): 'renounced' | 'accepted' {
    this.admit(token);
    if (world.on.has('promote')) return 'accepted';
    this.renounced = Math.max(this.renounced, token);
    return 'renounced';
  }
}

/** The state that the steps of the tests change: named switches, and how often each was thrown. */
export class World {
  readonly on = new Set<string>();
  readonly log: string[] = [];
  readonly standby = new StandbyGuard();

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

/**
 * The steps hold, fence, catch-up (found done), promote (no return), open-epoch (in the store),
 * settle.
 */
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

/**
 * The same steps with a guard beside the standby: the promotion can be renounced, and the fence is
 * opened only with a proof that it was renounced or never requested.
 */
export function guardedSwitchover(world: World, store: Store): Step[] {
  const { standby } = world;
  const change: Record<string, Partial<Step>> = {
    fence: {
      undo: async ({ run, never }) => {
        const proved = never('promote') || standby.renounce(world, run.token) === 'renounced';
        if (!proved) throw guardErrors.make('promotion-accepted', 'two writers');
        world.takeBack('fence');
      },
    },
    promote: {
      observe: async () => {
        standby.answer();
        return world.on.has('promote') ? done({}) : pending({});
      },
      act: async ({ run }) => standby.promote(world, run.token),
      turnsBack: ({ code }) => code === 'token-renounced',
      settle: async ({ run }) =>
        standby.renounce(world, run.token) === 'renounced' ? 'never' : 'happened',
    },
  };
  return switchoverLike(world, store).map((step) => ({ ...step, ...change[step.name] }));
}

/** The claim of a guarded switchover. */
export function claimStandby({ standby }: World): NonNullable<ExecuteOptions['claim']> {
  return async ({ token }) => {
    if (standby.away) return { west: 'no answer' };
    standby.admit(token);
    return { west: token };
  };
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
type Aborting = Extract<ExecuteOptions, { abortOf: object }>;
type Replanning = Extract<ExecuteOptions, { replanOf: object }>;

export interface Bench {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly world: World;
  readonly events: RunEvent[];
  /** Runs to the end, on virtual time. */
  begin(steps: readonly Step[], more?: Partial<Beginning>): Promise<RunResult>;
  resume(steps: readonly Step[], more?: Partial<Resuming>): Promise<RunResult>;
  abort(steps: readonly Step[], more?: Partial<Aborting>): Promise<RunResult>;
  /** Turns the newest run into a failover with these steps. */
  replan(steps: readonly Step[], more?: Partial<Replanning>): Promise<RunResult>;
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
  const approved = (steps: readonly Step[], change: Partial<Plan> = {}) => {
    const plan = planOf(steps, change);
    const mandate = approve(plan, { digest: planDigest(plan), by: 'alice', overrides: [] });
    return { plan, mandate };
  };
  const starting: Bench['starting'] = (steps, more = {}) => {
    const base = { store, clock, steps, owner: 'first', onEvent, ...approved(steps) };
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
    abort: async (steps, more = {}) => {
      const abortOf = { runId: await newestRun(), by: 'bob', reason: 'wrong day' };
      const base = { store, clock, steps, owner: 'third', onEvent, abortOf };
      return clock.until(executeRun({ ...base, ...more }));
    },
    replan: async (steps, more = {}) => {
      const replanOf = { runId: await newestRun(), ...approved(steps, { kind: 'failover' }) };
      const base = { store, clock, steps, owner: 'fourth', onEvent, replanOf };
      return clock.until(executeRun({ ...base, ...more }));
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
 * Wraps everything that one controller reaches, until it is killed: from then on its calls have no
 * effect. `at` counts records of the journal, each with its own disk write, and effects of acts and
 * undos, in the order in which they happen; the controller dies after number `at` has happened,
 * before it gets the answer.
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
          if (name !== 'append') return target[name](input);
          const { records, ...to } = input as Parameters<Store['append']>[0];
          for (const record of records) {
            await target.append({ ...to, records: [record] });
            happened();
          }
          return undefined;
        },
      }),
    steps: (steps: readonly Step[]): Step[] =>
      steps.map((step) => {
        const { undo, settle } = step;
        return {
          ...step,
          ...(settle && {
            settle: async (context) => {
              alive();
              const settled = await settle(context);
              happened();
              return settled;
            },
          }),
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

/**
 * Resolves when `condition` holds and lets all other work run meanwhile; for conditions that need
 * no time to pass.
 */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 10_000) throw new Error('did not come about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
