import { beforeEach, describe, expect, test } from 'vitest';
import { defineErrors } from '../../kernel/kernel.ts';
import { planDigest } from '../../store/plan.ts';
import { makePlan, mustMatch } from '../plan/plan.ts';
import type { Step } from '../step.ts';
import {
  type Bench,
  createBench,
  eventually,
  mortal,
  planOf,
  switchStep,
} from './engine.fixture.ts';

const errors = defineErrors({
  broken: { disposition: 'stop', notLost: '-', remedy: '-' },
});
const broken = () => errors.make('broken', 'it is broken');

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});
const step = (name: string, change: Partial<Step> = {}) => switchStep(bench.world, name, change);
/** A step of the group `arm` whose act takes this long. */
const arming = (name: string, ms: number, change: Partial<Step> = {}) =>
  step(name, {
    group: 'arm',
    act: async ({ clock }) => {
      await clock.sleep(ms);
      bench.world.throwSwitch(name);
    },
    ...change,
  });
const promote = () => step('promote', { noReturn: true, undo: { none: 'no way back' } });

describe('steps of a group', () => {
  test('run at once, between what stands before and after them', async () => {
    const steps = [
      step('first'),
      arming('warm', 3_000),
      arming('checkpoint', 1_000),
      arming('wait-for-lag', 2_000),
      step('fence'),
    ];
    expect(await bench.begin(steps)).toMatchObject({ status: 'succeeded' });
    expect(bench.clock.monotonicMs()).toBe(3_000);
    expect(bench.world.log).toEqual(['first', 'checkpoint', 'wait-for-lag', 'warm', 'fence']);
    expect((await bench.story()).slice(3, -3)).toEqual([
      'intent warm',
      'intent checkpoint',
      'intent wait-for-lag',
      'outcome checkpoint',
      'outcome wait-for-lag',
      'outcome warm',
    ]);
  });

  test('of which one fails are ended early, waited for, and taken back one after the other', async () => {
    const undone: string[] = [];
    const undo = (name: string) => async () => {
      undone.push(`${name} at ${bench.clock.monotonicMs()}`);
      bench.world.takeBack(name);
    };
    const steps = [
      step('first'),
      arming('warm', 3_000, { undo: undo('warm') }),
      arming('lag', 500_000, { act: async () => {}, timeoutMs: 600_000, undo: undo('lag') }),
      arming('hold', 0, {
        act: async ({ clock }) => {
          await clock.sleep(1_000);
          throw broken();
        },
      }),
      promote(),
    ];
    expect(await bench.begin(steps)).toMatchObject({ status: 'undone', error: { code: 'broken' } });
    // `lag` stops at once; the act of `warm` cannot be interrupted, so the run waits for it.
    expect(undone).toEqual(['lag at 3000', 'warm at 3000']);
    expect([...bench.world.on]).toEqual([]);
    expect(bench.events.filter(({ type }) => type === 'step-interrupted')).toMatchObject([
      { step: 'warm' },
      { step: 'lag' },
    ]);
  });

  test('after the point of no return do not end each other: the rest is done when one fails', async () => {
    let works = false;
    const steps = [
      promote(),
      arming('flip', 2_000),
      arming('stop-old', 0, {
        act: async () => {
          if (!works) throw broken();
          bench.world.throwSwitch('stop-old');
        },
      }),
    ];
    expect(await bench.begin(steps)).toMatchObject({
      status: 'open',
      error: { code: 'run-left-open', message: expect.stringContaining('stop-old') },
    });
    works = true;
    expect(await bench.resume(steps)).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log).toEqual(['promote', 'flip', 'stop-old']);
  });

  test('stop together when the operator asks', async () => {
    const stop = new AbortController();
    const endless = { act: async () => {}, timeoutMs: 600_000 };
    const steps = [arming('a', 0, endless), arming('b', 0, endless), promote()];
    const run = bench.starting(steps, { signal: stop.signal });
    await eventually(
      () => bench.events.filter(({ type }) => type === 'step-observed').length === 2,
    );
    stop.abort();
    expect(await bench.clock.until(run)).toMatchObject({
      status: 'undone',
      error: { code: 'stop-requested' },
    });
    expect(bench.world.log).toEqual(['-b', '-a']);
  });

  test('are resumed after a crash at any point, each effect once', async () => {
    const steps = () => [...['a', 'b', 'c'].map((name) => step(name, { group: 'arm' })), promote()];
    for (let at = 1; ; at++) {
      bench = await createBench();
      const life = mortal(at);
      const store = life.store(bench.store);
      await Promise.allSettled([bench.begin(life.steps(steps()), { store })]);
      if (!life.dead) {
        // mandate, 4 steps x 3, ended.
        expect(at - 1).toBe(14);
        return;
      }
      if ((await bench.store.service('checkout')).openRun !== null) await bench.resume(steps());
      expect([...bench.world.log].sort(), `killed at ${at}`).toEqual(['a', 'b', 'c', 'promote']);
    }
  });

  test('are in the plan and its digest; a group that is torn apart or has no way back is a mistake', () => {
    const grouped = planOf([step('a', { group: 'arm' }), step('b', { group: 'arm' })]);
    expect(grouped.steps.map(({ group }) => group)).toEqual(['arm', 'arm']);
    expect(planDigest(grouped)).not.toBe(planDigest(planOf([step('a'), step('b')])));
    expect(() => mustMatch(grouped, [step('a'), step('b')])).toThrow('steps at hand');
    const torn = [step('a', { group: 'arm' }), step('b'), step('c', { group: 'arm' })];
    expect(() => makePlan({ ...grouped, steps: torn })).toThrow('next to each other');
    const final = [{ ...promote(), group: 'arm' }];
    expect(() => makePlan({ ...grouped, steps: final })).toThrow('no return');
  });
});
