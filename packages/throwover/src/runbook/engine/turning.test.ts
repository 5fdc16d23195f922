import { beforeEach, describe, expect, test } from 'vitest';
import { defineErrors, type Evidence } from '../../kernel/kernel.ts';
import { planDigest } from '../../store/plan.ts';
import { approve } from '../plan/mandate.ts';
import type { Step, StepContext } from '../step.ts';
import {
  type Bench,
  claimStandby,
  createBench,
  eventually,
  guardedSwitchover,
  mortal,
  planOf,
  switchStep,
} from './engine.fixture.ts';
import { runLeaseMs } from './lease.ts';

const errors = defineErrors({
  lost: { disposition: 'stop', notLost: '-', remedy: '-' },
});

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});
const switchover = () => guardedSwitchover(bench.world, bench.store);
const claim = () => claimStandby(bench.world);

/** Runs a switchover that dies after `at` records and effects. */
async function dyingAt(at: number): Promise<{ dead: boolean }> {
  const life = mortal(at);
  const store = life.store(bench.store);
  await Promise.allSettled([bench.begin(life.steps(switchover()), { store })]);
  return life;
}
/** The journal has the intent of the promotion, but it was not requested yet. */
const beforePromotion = 9;

const undone = async () => {
  expect([...bench.world.on]).toEqual([]);
  expect(await bench.store.service('checkout')).toMatchObject({ epoch: 1, openRun: null });
};
const switched = async () => {
  expect([...bench.world.on].sort()).toEqual(['fence', 'hold', 'promote', 'settle']);
  expect(await bench.store.service('checkout')).toMatchObject({ epoch: 2, openRun: null });
};

describe('a takeover', () => {
  test('claims before anything is journaled, looked at or done, and journals what it reached', async () => {
    await dyingAt(4);
    const before = await bench.story();
    let seen: unknown;
    const looked: string[] = [];
    const steps = switchover().map(
      (step): Step => ({
        ...step,
        observe: async (context: StepContext) => {
          looked.push(step.name);
          return step.observe(context);
        },
      }),
    );
    await bench.resume(steps, {
      claim: async (run) => {
        seen = { token: run.token, story: await bench.story(), looked: [...looked] };
        return { east: 'claimed', west: 'no answer' };
      },
    });
    const records = await bench.journal();
    const taken = records.find(({ type }) => type === 'taken-over');
    expect(taken).toMatchObject({ claimed: { east: 'claimed', west: 'no answer' } });
    expect(seen).toEqual({ token: taken?.token, story: before, looked: [] });
    expect(bench.events).toContainEqual(
      expect.objectContaining({
        type: 'run-claimed',
        evidence: { east: 'claimed', west: 'no answer' },
      }),
    );
  });

  test('whose claim fails or does not end has done nothing; the next one goes on', async () => {
    await dyingAt(4);
    const before = await bench.story();
    const fails = async (): Promise<Evidence> => {
      throw errors.make('lost', 'a newer token is known');
    };
    expect(await bench.resume(switchover(), { claim: fails })).toMatchObject({
      status: 'open',
      error: { code: 'lost' },
    });
    const hangs = () => new Promise<Evidence>(() => {});
    expect(await bench.resume(switchover(), { claim: hangs })).toMatchObject({
      status: 'open',
      error: { code: 'claim-timed-out' },
    });
    expect(await bench.story()).toEqual(before);
    expect(await bench.resume(switchover(), { claim: claim() })).toMatchObject({
      status: 'succeeded',
    });
  });
});

describe('a promotion that its guard has renounced', () => {
  test('turns the run back: it is undone, and the journal says why', async () => {
    bench.world.standby.renounced = 99;
    expect(await bench.begin(switchover())).toMatchObject({
      status: 'undone',
      error: { code: 'token-renounced' },
    });
    const records = await bench.journal();
    expect(records.find(({ type }) => type === 'step-failed')).toMatchObject({
      step: 'promote',
      turnedBack: true,
    });
    expect(bench.events.filter(({ type }) => type === 'past-no-return')).toHaveLength(1);
    await undone();
  });

  test('turns back although nothing can be seen any more: the refusal was for good', async () => {
    bench.world.standby.renounced = 99;
    let refused = false;
    const blind = switchover().map(
      (step): Step =>
        step.name === 'promote'
          ? {
              ...step,
              observe: async (context) => {
                if (refused) return { state: 'unknown', error: errors.make('lost', 'no answer') };
                refused = true;
                return step.observe(context);
              },
            }
          : step,
    );
    expect(await bench.begin(blind)).toMatchObject({
      status: 'undone',
      error: { code: 'token-renounced' },
    });
  });

  test('by a resumed controller turns back too, when it has looked at the step again', async () => {
    await dyingAt(beforePromotion);
    bench.world.standby.renounced = 99;
    expect(await bench.resume(switchover())).toMatchObject({ status: 'undone' });
    await undone();
  });

  test('with no answer afterwards does not: any other error leaves the run open', async () => {
    const away = switchover().map(
      (step): Step =>
        step.name === 'promote'
          ? { ...step, act: async () => Promise.reject(errors.make('lost', 'no answer')) }
          : step,
    );
    expect(await bench.begin(away)).toMatchObject({ status: 'open' });
    expect(bench.world.on).toContain('fence');
  });
});

describe('an undo', () => {
  /** Fails at the promotion; returns the answers about it that the undo of the fence got. */
  async function told(promote: Partial<Step>, look: (context: StepContext) => unknown) {
    const heard: unknown[] = [];
    const steps = switchover().map((step): Step => {
      if (step.name === 'promote') return { ...step, ...promote };
      if (step.name !== 'fence') return step;
      const undo = async (context: StepContext) => {
        heard.push(look(context));
        bench.world.takeBack('fence');
      };
      return { ...step, undo };
    });
    return { result: await bench.begin(steps), heard };
  }

  test('knows that a step was never asked for, and when it was', async () => {
    const never = ({ never }: StepContext) => [never('promote'), never('fence')];
    const refused = { observe: async () => Promise.reject(errors.make('lost', 'not today')) };
    expect((await told(refused, never)).heard).toEqual([[true, false]]);
    bench.world.standby.renounced = 99;
    expect((await told({}, never)).heard).toEqual([[false, false]]);
  });

  test('is told nothing by a controller that was frozen for its lease', async () => {
    const late = ({ clock, never }: StepContext) => {
      const now = clock.monotonicMs();
      Object.assign(bench.clock, { monotonicMs: () => now + runLeaseMs });
      return never('promote');
    };
    const refused = { observe: async () => Promise.reject(errors.make('lost', 'not today')) };
    const { result, heard } = await told(refused, late);
    expect(result).toMatchObject({ status: 'open', error: { code: 'lease-expired' } });
    expect(heard).toEqual([]);
    expect(bench.world.on).toContain('fence');
  });
});

describe('abort', () => {
  test('before the point of no return undoes, and needs no word of the new side', async () => {
    await dyingAt(5);
    bench.world.standby.away = true;
    expect(await bench.abort(switchover(), { claim: claim() })).toMatchObject({
      status: 'undone',
      error: { code: 'run-aborted', message: expect.stringContaining('bob: wrong day') },
    });
    expect((await bench.story()).slice(4, 6)).toEqual(['taken-over', 'abort-requested']);
    await undone();
  });

  test('with a promotion asked for lets the new guard decide: never, and it is undone', async () => {
    await dyingAt(beforePromotion);
    expect(await bench.abort(switchover(), { claim: claim() })).toMatchObject({
      status: 'undone',
      error: { code: 'run-aborted' },
    });
    await undone();
  });

  test('with a promotion that happened unheard: no way back, and resume goes forward', async () => {
    await dyingAt(beforePromotion + 1);
    expect(await bench.abort(switchover(), { claim: claim() })).toMatchObject({
      status: 'open',
      error: { code: 'no-way-back' },
    });
    expect(await bench.resume(switchover(), { claim: claim() })).toMatchObject({
      status: 'succeeded',
    });
    await switched();
  });

  test('that cannot be decided stands: a resume does not go forward over it', async () => {
    await dyingAt(beforePromotion);
    bench.world.standby.away = true;
    const undecided = { status: 'open', error: { code: 'turn-back-unknown' } };
    expect(await bench.abort(switchover(), { claim: claim() })).toMatchObject(undecided);
    expect(await bench.resume(switchover(), { claim: claim() })).toMatchObject(undecided);
    expect([...bench.world.on]).toEqual(['hold', 'fence']);
    bench.world.standby.away = false;
    expect(await bench.resume(switchover(), { claim: claim() })).toMatchObject({
      status: 'undone',
      error: { code: 'run-aborted' },
    });
    await undone();
  });

  test('after the journal says that it happened does not drive out who carries the run on', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let settling = false;
    const steps = switchover().map(
      (step): Step =>
        step.name === 'settle'
          ? {
              ...step,
              act: async (context) => {
                settling = true;
                await gate;
                await step.act(context);
              },
            }
          : step,
    );
    const run = bench.starting(steps);
    await eventually(() => settling);
    expect(await bench.abort(switchover())).toMatchObject({ error: { code: 'no-way-back' } });
    release();
    expect(await bench.clock.until(run)).toMatchObject({ status: 'succeeded' });
    await switched();
  });

  test('silences the controller that stands before the promotion, whenever it wakes', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asking = false;
    const frozen = switchover().map(
      (step): Step =>
        step.name === 'promote'
          ? {
              ...step,
              act: async (context) => {
                asking = true;
                await gate;
                await step.act(context);
              },
            }
          : step,
    );
    const old = bench.starting(frozen);
    await eventually(() => asking);
    expect(await bench.abort(switchover(), { claim: claim() })).toMatchObject({ status: 'undone' });
    release();
    expect(await bench.clock.until(old)).toMatchObject({ status: 'open' });
    await undone();
  });

  test('of a run that dies at any point, dying itself at any point, ends on one side or the other', async () => {
    let lives = 0;
    for (let at = 1; ; at++) {
      bench = await createBench();
      if (!(await dyingAt(at)).dead) break;
      for (let abortAt = 1; ; abortAt++) {
        bench = await createBench();
        await dyingAt(at);
        if ((await bench.store.service('checkout')).openRun === null) break;
        const life = mortal(abortAt);
        const store = life.store(bench.store);
        await Promise.allSettled([
          bench.abort(life.steps(switchover()), { store, claim: claim() }),
        ]);
        if ((await bench.store.service('checkout')).openRun !== null) {
          await bench.resume(switchover(), { claim: claim() });
        }
        await (bench.world.log.includes('promote') ? switched() : undone());
        lives += 1;
        if (!life.dead) break;
      }
    }
    expect(lives).toBeGreaterThan(80);
  });
});

describe('replan', () => {
  const warm = () => switchStep(bench.world, 'warm', { keepsAcrossReplan: true });
  const first = (): Step[] => [warm(), ...switchover()];
  /** The same steps without `hold`: another plan with some of the same names. */
  const second = (): Step[] => [warm(), ...switchover().filter(({ name }) => name !== 'hold')];
  const replan = (steps = second()) =>
    bench.replan(steps, { earlierSteps: first(), claim: claim() });
  const failing = (steps: Step[], failed: string): Step[] =>
    steps.map(
      (step): Step =>
        step.name === failed
          ? { ...step, observe: async () => Promise.reject(errors.make('lost', 'it is gone')) }
          : step,
    );
  /**
   * The first plan, killed after `at` records and effects; `warm` takes the first three of them.
   */
  const firstDyingAt = async (at: number) => {
    const life = mortal(at);
    const store = life.store(bench.store);
    await Promise.allSettled([bench.begin(life.steps(first()), { store })]);
    return life;
  };

  test('goes on as another kind: its steps look anew, except those that keep', async () => {
    await firstDyingAt(10);
    const before = (await bench.story()).length;
    expect(await replan()).toMatchObject({ status: 'succeeded' });
    expect((await bench.story()).slice(before)).toEqual([
      'taken-over',
      'replanned',
      'outcome fence',
      'outcome catch-up',
      'intent promote',
      'outcome promote',
      'intent open-epoch',
      'outcome open-epoch',
      'intent settle',
      'outcome settle',
      'ended',
    ]);
    expect(bench.world.log).toEqual(['warm', 'hold', 'fence', 'promote', 'settle']);
    const [summary] = await bench.store.runs({ limit: 1 });
    expect(summary).toMatchObject({ kind: 'failover', status: 'succeeded' });
  });

  test('with a promotion asked for makes certain that it never happens, and promotes with a newer token', async () => {
    await firstDyingAt(12);
    expect((await bench.story()).at(-1)).toBe('intent promote');
    expect(await replan()).toMatchObject({ status: 'succeeded' });
    const story = await bench.story();
    expect(story.slice(story.indexOf('intent promote'), -9)).toEqual([
      'intent promote',
      'taken-over',
      'step-failed promote',
      'taken-over',
      'replanned',
    ]);
    expect(bench.world.standby.token).toBeGreaterThan(bench.world.standby.renounced);
    expect(bench.world.standby.renounced).toBeGreaterThan(0);
  });

  test('with a promotion that happened unheard, or cannot be decided, changes nothing', async () => {
    await firstDyingAt(13);
    expect(await replan()).toMatchObject({ status: 'open', error: { code: 'no-way-back' } });
    bench.world.standby.away = true;
    expect(await replan()).toMatchObject({ status: 'open', error: { code: 'turn-back-unknown' } });
    expect(await bench.story()).not.toContain('replanned');
    bench.world.standby.away = false;
    expect(await bench.resume(first())).toMatchObject({ status: 'succeeded' });
  });

  test('takes a run that is being undone forward again', async () => {
    const stuck = first().map(
      (step): Step =>
        step.name === 'fence'
          ? { ...step, undo: async () => Promise.reject(errors.make('lost', 'the source is gone')) }
          : step,
    );
    expect(await bench.begin(failing(stuck, 'catch-up'))).toMatchObject({
      status: 'open',
      error: { code: 'undo-failed' },
    });
    // Only the fence could not be taken back; the failover does the other steps that it needs
    // again.
    expect(bench.world.log).toEqual(['warm', 'hold', 'fence', '-hold', '-warm']);
    expect(await replan()).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log.slice(5)).toEqual(['warm', 'promote', 'settle']);
  });

  test('takes the place of an abort that could not be decided', async () => {
    await firstDyingAt(12);
    bench.world.standby.away = true;
    expect(await bench.abort(first())).toMatchObject({ error: { code: 'turn-back-unknown' } });
    bench.world.standby.away = false;
    expect(await replan(failing(second(), 'catch-up'))).toMatchObject({
      status: 'undone',
      error: { code: 'lost' },
    });
  });

  test('does anew what was taken back already, and takes it back anew', async () => {
    const stuck = errors.make('lost', 'the door does not answer');
    const hold = (undo: Step['undo']) => switchStep(bench.world, 'hold', { undo });
    const gone = () => failing([switchStep(bench.world, 'gone')], 'gone');
    const before = [hold(async () => Promise.reject(stuck)), warm(), ...gone()];
    expect(await bench.begin(before)).toMatchObject({ error: { code: 'undo-failed' } });
    expect(bench.world.log).toEqual(['hold', 'warm', '-warm']);
    const after = [hold(async () => bench.world.takeBack('hold')), warm(), ...gone()];
    expect(await replan(after)).toMatchObject({ status: 'undone' });
    expect(bench.world.log).toEqual(['hold', 'warm', '-warm', 'warm', '-warm', '-hold']);
    const story = await bench.story();
    expect(story.filter((line) => line === 'undo-intent warm')).toHaveLength(2);
  });

  test('is not overtaken by a resume that had read the plan before', async () => {
    await firstDyingAt(10);
    const runId = String((await bench.store.service('checkout')).openRun);
    const seen = [await bench.store.run(runId)];
    const run = async (id: string) => seen.pop() ?? bench.store.run(id);
    await bench.replan(second(), { leaveSignal: AbortSignal.abort() });
    const store = { ...bench.store, run };
    const resumeOf = { runId, force: true };
    await expect(bench.resume(first(), { store, resumeOf })).rejects.toMatchObject({
      code: 'steps-differ',
    });
    expect((await bench.story()).at(-1)).toBe('replanned');
  });

  test('that fails takes back what the earlier plan did too, in the order of the journal', async () => {
    await firstDyingAt(10);
    expect(await replan(failing(second(), 'catch-up'))).toMatchObject({
      status: 'undone',
      error: { code: 'lost' },
    });
    expect(bench.world.log).toEqual(['warm', 'hold', 'fence', '-fence', '-hold', '-warm']);
    await undone();
  });

  test('without the earlier steps at hand forgets nothing: the run stays open', async () => {
    await firstDyingAt(10);
    const steps = failing(second(), 'catch-up');
    expect(await bench.replan(steps)).toMatchObject({
      status: 'open',
      error: { code: 'undo-failed', message: expect.stringContaining('hold') },
    });
    expect(await bench.resume(steps, { earlierSteps: first() })).toMatchObject({
      status: 'undone',
    });
    await undone();
  });

  test('is refused for other regions or another epoch, and without a mandate for its plan', async () => {
    await firstDyingAt(10);
    const before = await bench.story();
    const runId = String((await bench.store.service('checkout')).openRun);
    const other = planOf(second(), { kind: 'failover', epoch: 2 });
    const mandate = approve(other, { digest: planDigest(other), by: 'alice', overrides: [] });
    const refused = (plan = other) =>
      bench.replan(second(), { replanOf: { runId, plan, mandate } });
    await expect(refused()).rejects.toMatchObject({ code: 'replan-differs' });
    await expect(refused(planOf(second()))).rejects.toMatchObject({ code: 'digest-mismatch' });
    expect(await bench.story()).toEqual(before);
  });

  test('of a run that dies at any point, dying itself at any point, is carried on with the plan in force', async () => {
    let lives = 0;
    for (let at = 1; ; at++) {
      bench = await createBench();
      if (!(await firstDyingAt(at)).dead) break;
      for (let replanAt = 1; ; replanAt++) {
        bench = await createBench();
        await firstDyingAt(at);
        if ((await bench.store.service('checkout')).openRun === null) break;
        const life = mortal(replanAt);
        const more = { store: life.store(bench.store), earlierSteps: first(), claim: claim() };
        await Promise.allSettled([bench.replan(life.steps(second()), more)]);
        const { openRun } = await bench.store.service('checkout');
        if (openRun !== null) {
          const { kind } = await bench.store.run(openRun);
          const steps = kind === 'failover' ? second() : first();
          await bench.resume(steps, { earlierSteps: first(), claim: claim() });
        }
        expect((await bench.store.service('checkout')).openRun, `${at}, ${replanAt}`).toBeNull();
        const promoted = bench.world.log.filter((entry) => entry === 'promote').length;
        expect(bench.world.on.has('fence')).toBe(promoted === 1);
        expect(bench.world.on.has('settle')).toBe(promoted === 1);
        lives += 1;
        if (!life.dead) break;
      }
    }
    expect(lives).toBeGreaterThan(150);
  });
});
