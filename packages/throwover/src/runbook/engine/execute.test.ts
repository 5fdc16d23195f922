import { beforeEach, describe, expect, test } from 'vitest';
import { type Disposition, defineErrors } from '../../kernel/kernel.ts';
import type { Step, StepContext } from '../step.ts';
import {
  type Bench,
  createBench,
  eventually,
  mortal,
  switchoverLike,
  switchStep,
} from './engine.fixture.ts';
import { runLeaseMs } from './lease.ts';
import { maxRepeats } from './repeats.ts';

const errors = defineErrors({
  away: { disposition: 'retry', notLost: '-', remedy: '-' },
  broken: { disposition: 'stop', notLost: '-', remedy: '-' },
});
const errorOf = (disposition: Disposition & ('retry' | 'stop')) =>
  errors.make(disposition === 'retry' ? 'away' : 'broken', `it is ${disposition}`);

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});
const step = (name: string, change: Partial<Step> = {}) => switchStep(bench.world, name, change);
const typesOf = () => bench.events.map((event) => event.type);

describe('a run that goes well', () => {
  test('journals mandate, intents and outcomes, opens the epoch and frees the service', async () => {
    const result = await bench.begin(switchoverLike(bench.world, bench.store));
    expect(result).toMatchObject({ status: 'succeeded', error: null });
    expect(await bench.story()).toEqual([
      'mandate',
      'intent hold',
      'outcome hold',
      'intent fence',
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
    expect(bench.world.log).toEqual(['hold', 'fence', 'promote', 'settle']);
    expect(await bench.store.service('checkout')).toMatchObject({
      epoch: 2,
      active: 'west',
      openRun: null,
    });
  });

  test('a state that holds already is no intent and no act (A9)', async () => {
    bench.world.on.add('hold');
    await bench.begin([step('hold')]);
    expect(await bench.journal()).toMatchObject([
      { type: 'mandate', by: 'alice' },
      { type: 'outcome', step: 'hold', result: 'already-done', evidence: { name: 'hold' } },
      { type: 'ended', status: 'succeeded' },
    ]);
    expect(bench.world.log).toEqual([]);
  });

  test('a later step finds the evidence of the earlier ones', async () => {
    let found: unknown;
    const reader = step('reader', {
      act: async ({ outcomes, run }) => {
        found = { ...outcomes.get('hold'), epoch: run.epoch };
        bench.world.throwSwitch('reader');
      },
    });
    await bench.begin([step('hold'), reader]);
    expect(found).toEqual({ name: 'hold', epoch: 1 });
  });

  test('each outcome is one event, in order, and a broken watcher stops nothing', async () => {
    const slow = step('slow', {
      act: async ({ progress, clock }: StepContext) => {
        progress('half way');
        void clock.sleep(500).then(() => bench.world.throwSwitch('slow'));
      },
    });
    const broken = () => {
      throw new Error('EPIPE');
    };
    const rejects = async () => broken();
    const hangs = () => new Promise<void>(() => {});
    for (const [index, onEvent] of [broken, rejects, hangs].entries()) {
      expect(await bench.begin([step(`hold-${index}`)], { onEvent })).toMatchObject({
        status: 'succeeded',
      });
    }
    await bench.begin([slow]);
    expect(typesOf()).toEqual([
      'run-started',
      'step-started',
      'step-observed',
      'step-progress',
      'step-observed',
      'step-done',
      'run-ended',
    ]);
    const [record] = (await bench.journal()).filter(({ type }) => type === 'outcome');
    expect(record).toMatchObject({ result: 'acted', durationMs: 500, kind: 'machine' });
  });

  test('after an act the first look comes at once, and no act comes before its intent is durable', async () => {
    const acted: number[] = [];
    const slowStore = {
      ...bench.store,
      append: async (input: Parameters<typeof bench.store.append>[0]) => {
        await bench.clock.sleep(7);
        await bench.store.append(input);
      },
    };
    const timed = (name: string) =>
      step(name, {
        pollMs: 1_000,
        observe: async () => {
          await bench.clock.sleep(5);
          return bench.world.on.has(name)
            ? { state: 'done', evidence: {} }
            : { state: 'pending', evidence: {} };
        },
        act: async () => {
          expect((await bench.story()).at(-1)).toBe(`intent ${name}`);
          acted.push(bench.clock.monotonicMs());
          bench.world.throwSwitch(name);
        },
      });
    await bench.begin([timed('a'), timed('b')], { store: slowStore });
    // Between two acts: look 5, look 5, then outcome and intent in one append.
    expect(acted).toEqual([7 + 5 + 7, 7 + 5 + 7 + 5 + 5 + 7]);
  });

  test('a step that only waits goes on looking while its intent is on its way; the act after it waits for all of them', async () => {
    const slowStore = {
      ...bench.store,
      append: async (input: Parameters<typeof bench.store.append>[0]) => {
        await bench.clock.sleep(100);
        await bench.store.append(input);
      },
    };
    const looksMs: number[] = [];
    const waiting = step('catch-up', {
      pollMs: 5,
      onlyWaits: true,
      observe: async () => {
        looksMs.push(bench.clock.monotonicMs());
        return looksMs.length > 3
          ? { state: 'done', evidence: {} }
          : { state: 'pending', evidence: {} };
      },
      act: async () => {},
    });
    let actedMs = 0;
    const promoting = step('promote', {
      act: async () => {
        actedMs = bench.clock.monotonicMs();
        expect(await bench.story()).toEqual([
          'mandate',
          'intent catch-up',
          'outcome catch-up',
          'intent promote',
        ]);
        bench.world.throwSwitch('promote');
      },
    });
    await bench.begin([waiting, promoting], { store: slowStore });
    expect(looksMs).toEqual([100, 100, 105, 110]);
    // All three in one append after the last look.
    expect(actedMs).toBe(110 + 100);
  });
});

describe('a step that fails', () => {
  test('before the point of no return undoes what has an intent, newest first, and ends undone', async () => {
    bench.world.on.add('was-on');
    const result = await bench.begin([
      step('was-on'),
      step('a'),
      step('look-only', { undo: { none: 'nothing was changed' } }),
      step('b', {
        act: async () => {
          throw errorOf('stop');
        },
      }),
      step('never'),
    ]);
    expect(result).toMatchObject({ status: 'undone', error: { code: 'broken' } });
    expect((await bench.story()).slice(6)).toEqual([
      'intent b',
      'step-failed b',
      'undo-intent b',
      'undo-outcome b',
      'undo-outcome look-only',
      'undo-intent a',
      'undo-outcome a',
      'ended',
    ]);
    expect(bench.world.log).toEqual(['a', 'look-only', '-b', '-a']);
    expect(bench.world.on.has('was-on')).toBe(true);
    expect((await bench.store.service('checkout')).openRun).toBeNull();
  });

  test('by refusal at the first look has no intent, and is not undone itself', async () => {
    const observe = async () => ({ state: 'refused', error: errorOf('stop') }) as const;
    const result = await bench.begin([step('a'), step('promote', { noReturn: true, observe })]);
    expect(result).toMatchObject({ status: 'undone', error: { code: 'broken' } });
    expect(bench.world.log).toEqual(['a', '-a']);
  });

  test('after the point of no return leaves the run open, and resume goes forward', async () => {
    let works = false;
    const steps = [
      step('a'),
      step('promote', { noReturn: true }),
      step('settle', {
        act: async () => {
          if (!works) throw errorOf('stop');
          bench.world.throwSwitch('settle');
        },
      }),
    ];
    const result = await bench.begin(steps);
    expect(result).toMatchObject({
      status: 'open',
      error: { code: 'run-left-open', remedy: expect.stringContaining('throwover resume') },
    });
    expect((await bench.store.run(result.runId)).status).toBe('running');
    works = true;
    expect(await bench.resume(steps)).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log).toEqual(['a', 'promote', 'settle']);
  });

  test('with its own act of no return leaves the run open: it may have happened', async () => {
    const act = async () => {
      throw errorOf('stop');
    };
    const steps = [step('a'), step('promote', { noReturn: true, act })];
    expect(await bench.begin(steps)).toMatchObject({
      status: 'open',
      error: { code: 'run-left-open' },
    });
    expect(bench.world.log).toEqual(['a']);
  });

  test('by a mistake of its own is a failure like any other: what was changed is taken back', async () => {
    const act = async () => {
      throw new TypeError('x is not a function');
    };
    expect(await bench.begin([step('a'), step('b', { act })])).toMatchObject({
      status: 'undone',
      error: { code: 'step-threw', message: expect.stringContaining('x is not a function') },
    });
    expect(bench.world.log).toEqual(['a', '-b', '-a']);
  });
});

describe('what cannot be seen', () => {
  const unknown = () => ({ state: 'unknown', error: errorOf('retry') }) as const;

  test('is looked at again and never acted on, until the timeout', async () => {
    let looks = 0;
    const observe = async () => {
      looks += 1;
      return unknown();
    };
    const result = await bench.begin([step('a', { observe, timeoutMs: 1_000, pollMs: 100 })]);
    expect(result).toMatchObject({
      status: 'undone',
      error: { code: 'step-timed-out', evidence: { last: { code: 'away' } } },
    });
    expect(looks).toBe(10);
    expect(bench.world.log).toEqual([]);
    expect(await bench.story()).toEqual(['mandate', 'step-failed a', 'ended']);
  });

  test('is no answer when the look throws or never comes back', async () => {
    let looks = 0;
    const observe = async () => {
      looks += 1;
      if (looks === 1) throw errorOf('retry');
      return bench.world.on.has('a')
        ? ({ state: 'done', evidence: {} } as const)
        : ({ state: 'pending', evidence: {} } as const);
    };
    expect(await bench.begin([step('a', { observe })])).toMatchObject({ status: 'succeeded' });
    const hangs = step('b', { observe: () => new Promise(() => {}), timeoutMs: 700 });
    expect(await bench.begin([hangs])).toMatchObject({ error: { code: 'step-timed-out' } });
  });
});

describe('an act that fails', () => {
  test('but had its effect is done: it is looked at, not repeated', async () => {
    const act = async () => {
      bench.world.throwSwitch('a');
      throw errorOf('retry');
    };
    expect(await bench.begin([step('a', { act })])).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log).toEqual(['a']);
  });

  test('and whose effect is not known yet is waited for, not repeated', async () => {
    let acted = false;
    let unknowns = 0;
    const observe: Step['observe'] = async () => {
      if (bench.world.on.has('a')) return { state: 'done', evidence: {} };
      if (!acted) return { state: 'pending', evidence: {} };
      unknowns += 1;
      if (unknowns === 5) bench.world.throwSwitch('a');
      return { state: 'unknown', error: errorOf('retry') };
    };
    const act = async () => {
      acted = true;
      throw errorOf('retry');
    };
    expect(await bench.begin([step('a', { act, observe })])).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log).toEqual(['a']);
  });

  test('with `retry` is repeated, with one intent, up to a limit', async () => {
    let acts = 0;
    const failing = (times: number) => async () => {
      acts += 1;
      if (acts <= times) throw errorOf('retry');
      bench.world.throwSwitch('a');
    };
    expect(await bench.begin([step('a', { act: failing(3) })])).toMatchObject({
      status: 'succeeded',
    });
    expect(await bench.story()).toEqual(['mandate', 'intent a', 'outcome a', 'ended']);
    bench.world.on.clear();
    acts = 0;
    const result = await bench.begin([step('a', { act: failing(99) })]);
    expect(result).toMatchObject({ status: 'undone', error: { code: 'away' } });
    expect(acts).toBe(1 + maxRepeats);
  });

  test('and never ends is not undone beside itself: the run stays open, and resume undoes', async () => {
    const hanging = step('b', { act: () => new Promise(() => {}), timeoutMs: 1_000 });
    expect(await bench.begin([step('a'), hanging])).toMatchObject({
      status: 'open',
      error: { code: 'act-unsettled' },
    });
    expect(bench.world.log).toEqual(['a']);
    expect(await bench.resume([step('a'), hanging])).toMatchObject({
      status: 'undone',
      error: { code: 'step-timed-out' },
    });
    expect(bench.world.log).toEqual(['a', '-b', '-a']);
  });
});

describe('an undo that fails', () => {
  test('is repeated while that may help', async () => {
    let tries = 0;
    const undo = async () => {
      tries += 1;
      if (tries < 4) throw errorOf('retry');
      bench.world.takeBack('a');
    };
    const fails = step('b', { act: async () => Promise.reject(errorOf('stop')) });
    expect(await bench.begin([step('a', { undo }), fails])).toMatchObject({ status: 'undone' });
    expect(tries).toBe(4);
  });

  test('leaves the run open, and resume goes on undoing', async () => {
    let works = false;
    const undo = async () => {
      if (!works) throw errorOf('stop');
      bench.world.takeBack('b');
    };
    const steps = [
      step('a'),
      step('b', { undo }),
      step('c', { act: async () => Promise.reject(errorOf('stop')) }),
    ];
    expect(await bench.begin(steps)).toMatchObject({
      status: 'open',
      error: { code: 'undo-failed' },
    });
    expect(bench.world.log).toEqual(['a', 'b', '-c', '-a']);
    expect((await bench.store.service('checkout')).openRun).not.toBeNull();
    works = true;
    expect(await bench.resume(steps)).toMatchObject({
      status: 'undone',
      error: { code: 'broken' },
    });
    expect(bench.world.log).toEqual(['a', 'b', '-c', '-a', '-b']);
  });

  const gone = async () => {
    throw errorOf('stop');
  };
  const failingAt = (name: string) =>
    step(name, { act: async () => Promise.reject(errorOf('stop')) });

  test('keeps no other step from being taken back, apart from one that undoes in order', async () => {
    const steps = [
      step('a'),
      step('own', { undoesInOrder: true }),
      step('b', { undo: gone }),
      step('c'),
      failingAt('d'),
    ];
    expect(await bench.begin(steps)).toMatchObject({
      status: 'open',
      error: { code: 'undo-failed', message: expect.stringContaining('b could not') },
    });
    expect([...bench.world.on]).toEqual(['own', 'b']);
  });

  test('for two steps: both are named as failed, the rest is taken back', async () => {
    const steps = [step('a', { undo: gone }), step('b'), step('c', { undo: gone }), failingAt('d')];
    expect(await bench.begin(steps)).toMatchObject({ error: { code: 'undo-failed' } });
    expect([...bench.world.on]).toEqual(['a', 'c']);
    const failed = bench.events.flatMap((event) =>
      event.type === 'undo-failed' ? [event.step] : [],
    );
    expect(failed).toEqual(['c', 'a']);
  });

  test('is left as it is by an abort that names the step: the run ends, and the journal says who left what', async () => {
    const steps = [
      step('a'),
      step('own', { undoesInOrder: true }),
      step('b', { undo: gone }),
      failingAt('c'),
    ];
    await bench.begin(steps);
    expect(await abortLeaving(steps, ['b'])).toEqual({ status: 'undone', error: 'run-aborted' });
    expect([...bench.world.on]).toEqual(['b']);
    expect(await bench.journal()).toContainEqual(
      expect.objectContaining({
        type: 'undo-outcome',
        step: 'b',
        result: 'left',
        note: expect.stringContaining('bob (the disk is gone)'),
      }),
    );
    expect(await bench.store.service('checkout')).toMatchObject({ openRun: null });
    // The next run is not blocked.
    bench.world.on.clear();
    expect(await bench.begin([step('a')])).toMatchObject({ status: 'succeeded' });
  });

  test('is tried before it is left: what can be taken back is', async () => {
    let works = false;
    const undo = async () => {
      if (!works) throw errorOf('stop');
      bench.world.takeBack('b');
    };
    const steps = [step('b', { undo }), failingAt('c')];
    await bench.begin(steps);
    works = true;
    expect(await abortLeaving(steps, ['b'])).toMatchObject({ status: 'undone' });
    expect([...bench.world.on]).toEqual([]);
    const { records } = await bench.store.run(await newest());
    expect(records).toContainEqual(expect.objectContaining({ step: 'b', result: 'undone' }));
  });

  test('stays left when the controller of the abort dies: whoever resumes ends the run', async () => {
    const steps = [step('a'), step('b', { undo: gone }), failingAt('c')];
    await bench.begin(steps);
    const life = mortal(3);
    const store = life.store(bench.store);
    const { abortOf } = await leaving(['b']);
    await Promise.allSettled([bench.abort(life.steps(steps), { store, abortOf })]);
    expect(await bench.resume(steps)).toMatchObject({ status: 'undone' });
    expect([...bench.world.on]).toEqual(['b']);
  });

  test.each([['d'], ['c-typo'], ['a']])(
    'is not left by the name of a step that has nothing to take back: %s',
    async (name) => {
      const steps = [step('a'), step('b', { undo: gone }), failingAt('c'), step('d')];
      await bench.begin(steps);
      const before = await bench.story();
      await expect(abortLeaving(steps, [name])).rejects.toMatchObject({ code: 'step-not-owed' });
      expect(await bench.story()).toEqual(before);
    },
  );

  const newest = async () => String((await bench.store.runs({ limit: 1 }))[0]?.runId);
  const leaving = async (leave: readonly string[]) => ({
    abortOf: { runId: await newest(), by: 'bob', reason: 'the disk is gone', leave },
  });
  const abortLeaving = async (steps: readonly Step[], leave: readonly string[]) => {
    const { status, error } = await bench.abort(steps, await leaving(leave));
    return { status, error: error?.code };
  };
});

describe('the operator', () => {
  const waiting = (name: string, change: Partial<Step> = {}) =>
    step(name, { act: async () => {}, timeoutMs: 600_000, ...change });
  const started = (name: string) => () =>
    bench.events.some((event) => event.type === 'step-observed' && event.step === name);

  test('stops before the point of no return: the waiting step ends at once, and all is undone', async () => {
    const stop = new AbortController();
    const run = bench.starting([step('a'), waiting('lag'), step('promote', { noReturn: true })], {
      signal: stop.signal,
    });
    await eventually(started('lag'));
    stop.abort();
    expect(await bench.clock.until(run)).toMatchObject({
      status: 'undone',
      error: { code: 'stop-requested' },
    });
    expect(bench.clock.monotonicMs()).toBeLessThan(1_000);
    expect(bench.world.log).toEqual(['a', '-lag', '-a']);
    expect(await bench.story()).not.toContain('step-failed lag');
    expect(bench.events).toContainEqual(
      expect.objectContaining({ type: 'run-stopping', mode: 'undo' }),
    );
  });

  test('stops after it: the run goes on to its end; a second request leaves it to resume', async () => {
    const stop = new AbortController();
    const leave = new AbortController();
    const steps = [step('promote', { noReturn: true }), waiting('settle')];
    const run = bench.starting(steps, { signal: stop.signal, leaveSignal: leave.signal });
    await eventually(started('settle'));
    stop.abort();
    await bench.clock.advance(60_000);
    expect(bench.events).toContainEqual(
      expect.objectContaining({ type: 'run-stopping', mode: 'finish' }),
    );
    expect(typesOf()).not.toContain('run-ended');
    leave.abort();
    expect(await run).toMatchObject({ status: 'open', error: { code: 'run-left' } });
    bench.world.on.add('settle');
    expect(await bench.resume(steps)).toMatchObject({ status: 'succeeded' });
  });

  test('stops in the very moment of the look before the point of no return: its intent is not written, or it goes on', async () => {
    const ends = new Set<string>();
    for (let turns = 0; turns < 30; turns++) {
      bench = await createBench();
      const stop = new AbortController();
      const stopLater = async () => {
        for (let turn = 0; turn < turns; turn++) await null;
        stop.abort();
      };
      const observe: Step['observe'] = async () => {
        if (bench.world.on.has('promote')) return { state: 'done', evidence: {} };
        void stopLater();
        return { state: 'pending', evidence: {} };
      };
      const steps = [step('a'), step('promote', { noReturn: true, observe })];
      const { status } = await bench.begin(steps, { signal: stop.signal });
      const asked = (await bench.story()).includes('intent promote');
      expect(status, `after ${turns} turns`).toBe(asked ? 'succeeded' : 'undone');
      ends.add(status);
    }
    expect(ends).toEqual(new Set(['undone', 'succeeded']));
  });

  test('stops before the first step: nothing is begun', async () => {
    const result = await bench.begin([step('a')], { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ status: 'undone' });
    expect(await bench.story()).toEqual(['mandate', 'ended']);
    expect(bench.world.log).toEqual([]);
  });

  test('throws the kill switch: the run stops as if asked to, within a third of a lease, and says who', async () => {
    const halt = { by: 'carol', reason: 'a bad release', wallMs: 1 };
    const steps = [step('a'), waiting('lag'), step('promote', { noReturn: true })];
    const run = bench.starting(steps);
    await eventually(started('lag'));
    await bench.store.setHalt(halt);
    expect(await bench.clock.until(run)).toMatchObject({
      status: 'undone',
      error: { code: 'run-halted', message: expect.stringContaining('carol: a bad release') },
    });
    expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(runLeaseMs / 3);
    expect(bench.world.log).toEqual(['a', '-lag', '-a']);
    expect(bench.events).toContainEqual(
      expect.objectContaining({ type: 'run-stopping', mode: 'undo', halted: halt }),
    );
  });

  test('throws it past the point of no return: the run goes on to its end', async () => {
    const steps = [step('promote', { noReturn: true }), waiting('settle')];
    const run = bench.starting(steps);
    await eventually(started('settle'));
    await bench.store.setHalt({ by: 'carol', reason: 'a bad release', wallMs: 1 });
    await bench.clock.advance(60_000);
    bench.world.on.add('settle');
    expect(await bench.clock.until(run)).toMatchObject({ status: 'succeeded' });
    expect(bench.events).toContainEqual(
      expect.objectContaining({ type: 'run-stopping', mode: 'finish' }),
    );
  });

  test('resumes a run while automation is halted: it is taken back before it does anything more', async () => {
    const leave = new AbortController();
    const steps = [step('a'), waiting('lag'), step('promote', { noReturn: true })];
    const run = bench.starting(steps, { leaveSignal: leave.signal });
    await eventually(started('lag'));
    leave.abort();
    await run;
    await bench.store.setHalt({ by: 'carol', reason: 'a bad release', wallMs: 1 });
    bench.world.on.add('lag');
    expect(await bench.resume(steps)).toMatchObject({
      status: 'undone',
      error: { code: 'run-halted' },
    });
    expect(bench.world.log).toEqual(['a', '-lag', '-a']);
  });
});
