import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { isThrowoverError, seededRandom } from '../../kernel/kernel.ts';
import { storeErrors } from '../../store/errors.ts';
import type { Store } from '../../store/port.ts';
import { openSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { done, pending } from '../observe.ts';
import type { Step } from '../step.ts';
import {
  type Bench,
  createBench,
  eventually,
  Killed,
  mortal,
  switchoverLike,
  switchStep,
} from './engine.fixture.ts';
import { runLeaseMs } from './lease.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await createBench();
});

/**
 * Runs, is killed at each point in turn, and is resumed by a new controller; returns the number of
 * points.
 */
async function killAtEveryPoint(
  stepsOf: (bench: Bench) => Step[],
  check: (bench: Bench, at: number) => Promise<void>,
): Promise<number> {
  for (let at = 1; ; at++) {
    bench = await createBench();
    const life = mortal(at);
    const run = bench.begin(life.steps(stepsOf(bench)), { store: life.store(bench.store) });
    await Promise.allSettled([run]);
    if (!life.dead) return at - 1;
    const { openRun } = await bench.store.service('checkout');
    if (openRun !== null) await bench.resume(stepsOf(bench));
    await check(bench, at);
  }
}

describe('a controller that is killed', () => {
  test('at any record and after any act is resumed to the same end, each effect once', async () => {
    const points = await killAtEveryPoint(
      ({ world, store }) => switchoverLike(world, store),
      async ({ world, store, journal }, at) => {
        expect(world.log, `killed at ${at}`).toEqual(['hold', 'fence', 'promote', 'settle']);
        expect(await store.service('checkout')).toMatchObject({
          epoch: 2,
          active: 'west',
          openRun: null,
        });
        const records = await journal();
        expect(records.map(({ seq }) => seq)).toEqual(records.map((_record, index) => index + 1));
        expect(records.filter(({ type }) => type === 'outcome')).toHaveLength(6);
        expect(records.at(-1)).toMatchObject({ type: 'ended', status: 'succeeded' });
      },
    );
    // 13 records and 5 acts.
    expect(points).toBe(18);
  });

  test('at any record and after any undo is resumed to the same start, each undo at most twice', async () => {
    const refusing = ({ world }: Bench) => [
      switchStep(world, 'hold'),
      switchStep(world, 'fence'),
      switchStep(world, 'promote', {
        noReturn: true,
        observe: async () => ({
          state: 'refused',
          error: storeErrors.make('epoch-moved', 'not today'),
        }),
      }),
    ];
    const points = await killAtEveryPoint(refusing, async ({ world, store, journal }, at) => {
      expect([...world.on], `killed at ${at}`).toEqual([]);
      expect(world.log.filter((entry) => entry === 'hold')).toHaveLength(1);
      const undone = world.log.filter((entry) => entry.startsWith('-'));
      expect([...new Set(undone)]).toEqual(['-fence', '-hold']);
      expect(undone.length).toBeLessThanOrEqual(3);
      expect((await store.service('checkout')).openRun).toBeNull();
      expect((await journal()).at(-1)).toMatchObject({ type: 'ended', status: 'undone' });
    });
    // mandate, 2 steps x 3, step-failed, 2 undos x 3, ended.
    expect(points).toBe(15);
  });

  test('before its mandate is journaled has done nothing: the run ends undone', async () => {
    const dies: Store = {
      ...bench.store,
      append: async () => {
        throw new Killed('killed');
      },
    };
    const steps = switchoverLike(bench.world, bench.store);
    await expect(bench.begin(steps, { store: dies })).rejects.toThrow(Killed);
    expect(await bench.resume(steps)).toMatchObject({
      status: 'undone',
      error: { code: 'never-mandated' },
    });
    expect(bench.world.log).toEqual([]);
  });

  test('again and again, at a record of each life, still ends', async () => {
    const steps = () => switchoverLike(bench.world, bench.store);
    const first = mortal(3);
    await expect(
      bench.begin(first.steps(steps()), { store: first.store(bench.store) }),
    ).rejects.toThrow(Killed);
    for (let lives = 0; (await bench.store.service('checkout')).openRun !== null; lives++) {
      expect(lives).toBeLessThan(20);
      const life = mortal(4);
      await Promise.allSettled([
        bench.resume(life.steps(steps()), { store: life.store(bench.store) }),
      ]);
    }
    expect(bench.world.log).toEqual(['hold', 'fence', 'promote', 'settle']);
  });
});

describe('a step that holds for its controller only', () => {
  /** Hold, fence, drain and promote; the fence stands with the token of the controller that asked for it. */
  const heldSteps = (change: Partial<Step> = {}) => {
    const { world } = bench;
    let fencedBy = 0;
    return [
      switchStep(world, 'hold'),
      switchStep(world, 'fence', {
        holdsForController: true,
        observe: async ({ run: { token } }) => (fencedBy === token ? done({ token }) : pending({})),
        act: async ({ run: { token } }) => {
          fencedBy = token;
          world.throwSwitch('fence');
        },
      }),
      switchStep(world, 'drain'),
      switchStep(world, 'promote', { noReturn: true, undo: { none: 'no way back' }, ...change }),
      switchStep(world, 'settle'),
    ];
  };

  const once = ['hold', 'fence', 'drain', 'promote', 'settle'];
  const twice = ['hold', 'fence', 'drain', 'fence', 'promote', 'settle'];

  test.each([
    ['before its promotion is asked for', 'intent promote', twice],
    ['with its promotion asked for', 'promote', twice],
    ['with its promotion made', 'outcome promote', once],
  ])('is done again by the next one when a run is left %s', async (_when, where, log) => {
    const leave = new AbortController();
    const dies: Store = {
      ...bench.store,
      append: async (input) => {
        const names = input.records.map((one) => ('step' in one ? `${one.type} ${one.step}` : ''));
        if (!names.includes(where)) return bench.store.append(input);
        leave.abort();
        throw new Killed('killed');
      },
    };
    const act = async () => {
      if (where === 'promote') {
        leave.abort();
        throw new Killed('killed');
      }
      bench.world.throwSwitch('promote');
    };
    const first = bench.begin(heldSteps({ act }), { store: dies, leaveSignal: leave.signal });
    await Promise.allSettled([first]);
    expect(await bench.resume(heldSteps())).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log).toEqual(log);
    const story = await bench.story();
    expect(story.filter((one) => one === 'intent fence')).toHaveLength(1);
    expect(story.filter((one) => one === 'outcome fence')).toHaveLength(
      log.filter((one) => one === 'fence').length,
    );
  });

  test('is done again by each controller, and taken back once', async () => {
    const leave = new AbortController();
    const act = async () => {
      leave.abort();
      throw new Killed('killed');
    };
    const last = { leaveSignal: leave.signal };
    await Promise.allSettled([bench.begin(heldSteps({ act }), last)]);
    await Promise.allSettled([bench.resume(heldSteps({ act }), last)]);
    const settle = async () => 'never' as const;
    expect(await bench.abort(heldSteps({ settle }))).toMatchObject({ status: 'undone' });
    expect(bench.world.log.filter((one) => one === '-fence')).toHaveLength(1);
  });
});

describe('a controller that lost its run', () => {
  /** A controller that stays in the act of `slow` until `release`. */
  const frozen = () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let acting = false;
    const slow = switchStep(bench.world, 'slow', {
      timeoutMs: 600_000,
      act: async () => {
        acting = true;
        await gate;
      },
    });
    return { slow, release, acting: () => acting };
  };

  test('wakes after the takeover, and can neither write nor act any more', async () => {
    const { slow, release, acting } = frozen();
    const last = (bench: Bench) => switchStep(bench.world, 'last');
    const old = bench.starting([slow, last(bench)], { owner: 'old' });
    await eventually(acting);

    const quick = switchStep(bench.world, 'slow');
    const resumed = bench.resume([quick, last(bench)]);
    expect(await resumed).toMatchObject({ status: 'succeeded' });
    const story = await bench.story();
    release();
    expect(await bench.clock.until(old)).toMatchObject({
      status: 'open',
      error: { code: 'run-lost' },
    });
    expect(await bench.story()).toEqual(story);
    expect(bench.world.log).toEqual(['slow', 'last']);
  });

  test('hears of it by its next renewal, in the middle of a step, and stops at once', async () => {
    const { slow, acting } = frozen();
    const old = bench.starting([slow]);
    await eventually(acting);
    const { openRun } = await bench.store.service('checkout');
    await bench.store.takeRun({
      runId: String(openRun),
      owner: 'other',
      leaseMs: 60_000,
      force: true,
    });
    expect(await bench.clock.until(old)).toMatchObject({
      status: 'open',
      error: { code: 'run-lost' },
    });
    expect(bench.clock.monotonicMs()).toBeLessThanOrEqual(runLeaseMs / 3);
    expect(await bench.story()).toEqual(['mandate', 'intent slow']);
  });

  test('because the store was not heard for a whole lease, stops without an act or an undo', async () => {
    const { slow, acting } = frozen();
    let away = false;
    const store: Store = {
      ...bench.store,
      renewRun: async (input) => {
        if (away) throw storeErrors.make('store-away', 'no answer');
        return bench.store.renewRun(input);
      },
    };
    const run = bench.starting([switchStep(bench.world, 'a'), slow], { store });
    await eventually(acting);
    await bench.clock.advance(3 * runLeaseMs);
    expect(bench.events.at(-1)?.type).not.toBe('run-ended');
    away = true;
    expect(await bench.clock.until(run)).toMatchObject({
      status: 'open',
      error: { code: 'lease-expired' },
    });
    expect(bench.world.log).toEqual(['a']);
  });

  test('because it was frozen for longer than its lease, does not act when it wakes', async () => {
    let frozenMs = 0;
    const clock = { ...bench.clock, monotonicMs: () => bench.clock.monotonicMs() + frozenMs };
    const steps = [
      switchStep(bench.world, 'a'),
      switchStep(bench.world, 'b', {
        observe: async () => {
          frozenMs = runLeaseMs;
          return { state: 'pending', evidence: {} };
        },
      }),
    ];
    expect(await bench.begin(steps, { clock })).toMatchObject({
      status: 'open',
      error: { code: 'lease-expired' },
    });
    // The outcome was not yet sent when the controller froze, so the controller that resumes
    // observes again.
    expect(await bench.story()).toEqual(['mandate', 'intent a']);
    expect(bench.world.log).toEqual(['a']);
  });

  test('because its journal cannot be written, undoes nothing: resume must be able to trust the journal', async () => {
    const full: Store = {
      ...bench.store,
      append: async (input) => {
        if (input.records.some(({ seq }) => seq === 5))
          throw storeErrors.make('store-disk-full', 'no space left');
        return bench.store.append(input);
      },
    };
    const steps = switchoverLike(bench.world, bench.store);
    expect(await bench.begin(steps, { store: full })).toMatchObject({
      status: 'open',
      error: { code: 'store-disk-full' },
    });
    expect(bench.world.log).toEqual(['hold', 'fence']);
    expect(await bench.resume(steps)).toMatchObject({ status: 'succeeded' });
    expect(bench.world.log).toEqual(['hold', 'fence', 'promote', 'settle']);
  });
});

describe('who may have the run', () => {
  test('of two that begin at the same time one wins, the other has done nothing', async () => {
    const steps = switchoverLike(bench.world, bench.store);
    const both = [bench.starting(steps, { owner: 'one' }), bench.starting(steps, { owner: 'two' })];
    const results = await bench.clock.until(Promise.allSettled(both));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    for (const result of results) {
      if (result.status === 'fulfilled') expect(result.value.status).toBe('succeeded');
      else expect(isThrowoverError(result.reason, 'run-in-progress')).toBe(true);
    }
    expect(bench.world.log).toEqual(['hold', 'fence', 'promote', 'settle']);
  });

  test('a run whose controller is heard is not resumed without force; one that ended, never', async () => {
    const never = switchStep(bench.world, 'never', { act: async () => {}, timeoutMs: 600_000 });
    const leave = new AbortController();
    const run = bench.starting([never], { leaveSignal: leave.signal });
    await bench.clock.advance(60_000);
    const { openRun } = await bench.store.service('checkout');
    const resumeOf = { runId: String(openRun), force: false };
    await expect(bench.resume([never], { resumeOf })).rejects.toMatchObject({
      code: 'run-in-progress',
    });
    leave.abort();
    await run;
    await bench.clock.advance(runLeaseMs);
    bench.world.on.add('never');
    expect(await bench.resume([never], { resumeOf })).toMatchObject({ status: 'succeeded' });
    await expect(bench.resume([never], { resumeOf })).rejects.toMatchObject({ code: 'run-ended' });
  });

  test('a run is not resumed with other steps than its plan has', async () => {
    const dying = mortal(2);
    const steps = switchoverLike(bench.world, bench.store);
    await Promise.allSettled([
      bench.begin(dying.steps(steps), { store: dying.store(bench.store) }),
    ]);
    await expect(bench.resume(steps.slice(1))).rejects.toMatchObject({ code: 'steps-differ' });
    const before = await bench.journal();
    expect(before.some(({ type }) => type === 'taken-over')).toBe(false);
  });

  test('a damaged journal is not carried on', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'throwover-damaged-'));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    const { clock } = bench;
    const open = () => openSqliteStore({ dataDir, clock, random: seededRandom(3) });
    let store = open();
    await store.registerService({ name: 'checkout', regions: ['east', 'west'], active: 'east' });
    const steps = () => switchoverLike(bench.world, store);
    const dying = mortal(7);
    await Promise.allSettled([bench.begin(dying.steps(steps()), { store: dying.store(store) })]);
    const runId = String((await store.service('checkout')).openRun);
    store.close();
    const db = new DatabaseSync(join(dataDir, 'throwover.sqlite'));
    db.exec("UPDATE records SET body = replace(body, 'fence', 'fance') WHERE seq = 4");
    db.close();
    store = open();
    const log = [...bench.world.log];
    await expect(
      bench.resume(steps(), { store, resumeOf: { runId, force: true } }),
    ).rejects.toMatchObject({ code: 'journal-damaged' });
    expect(bench.world.log).toEqual(log);
    store.close();
  });
});
