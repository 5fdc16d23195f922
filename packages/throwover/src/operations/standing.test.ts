import { beforeEach, expect, it } from 'vitest';
import { seededRandom } from '../kernel/kernel.ts';
import type { Notice } from '../notify/notice.ts';
import type { Notifier } from '../notify/notify.ts';
import { World } from '../runs/runs.fixture.ts';
import { noticeKinds } from '../service/service.ts';
import { caretake } from './caretaker.ts';
import { operatedWorld, served } from './operated.fixture.ts';
import { keepStanding, type StandingEvent, type StandingPolicy } from './standing.ts';

const policy: StandingPolicy = {
  by: 'payments-team, 2026-11-01',
  everyMs: 1_000,
  forMs: 10_000,
  overrides: ['two-writers', 'loss-above-bound'],
};

let world: World;
let told: Notice[];
let log: StandingEvent[];
beforeEach(async () => {
  world = await new World().begin();
  log = [];
  told = [];
});

/** Collects every notice to people. */
const people: Notifier = {
  name: 'people',
  kinds: noticeKinds,
  send: async (notice) => {
    told.push(notice);
  },
};

/** Lets the policy run for this long. */
const standFor = (ms: number, given = policy) =>
  served(world, ms, (signal) =>
    keepStanding({
      service: operatedWorld(world, [people]),
      policy: given,
      signal,
      random: seededRandom(1),
      log: (event) => log.push(event),
    }),
  );

it('fails over when guard and standby both say for long enough that the region is lost', async () => {
  world.lose(world.east);
  await standFor(9_000);
  expect(log).toMatchObject([{ event: 'region-silent', region: 'east' }]);
  expect(world.west.role).toBe('standby');
  await standFor(60_000);
  expect(world.west.role).toBe('primary');
  expect(await world.store.service('checkout')).toMatchObject({ active: 'west', epoch: 2 });
  expect(log.at(-1)).toMatchObject({ event: 'standing-ended', status: 'succeeded' });
  const { records } = await world.newestRun();
  expect(records.find(({ type }) => type === 'mandate')).toMatchObject({
    by: 'standing policy of payments-team, 2026-11-01',
  });
});

it('keeps a forecast of the run that it begins, read when the writer is open again', async () => {
  const kept: unknown[] = [];
  const service = operatedWorld(world);
  const roles: string[] = [];
  const evidence = {
    add: async (kind: string, samples: readonly unknown[]) => void kept.push([kind, ...samples]),
  };
  const forecastFacts: typeof service.forecastFacts = (kind, from) => {
    roles.push(world.west.role);
    return service.forecastFacts(kind, from);
  };
  world.lose(world.east);
  await served(world, 60_000, (signal) =>
    keepStanding({
      service: { ...service, evidence, forecastFacts },
      policy,
      signal,
      random: seededRandom(1),
      log: (event) => log.push(event),
    }),
  );
  const { runId } = await world.newestRun();
  expect(kept).toMatchObject([['forecast', { runId, kind: 'failover', approveMs: null }]]);
  expect(new Set(roles)).toEqual(new Set(['primary']));
});

it('leaves a region alone that the standby still receives from: the witness alone is blind', async () => {
  world.east.guardAway = true;
  await standFor(60_000);
  expect(log).toEqual([]);
  expect(world.west.role).toBe('standby');
});

it('fails over when the standby gets no answer from the silent region, before its receiver has noticed', async () => {
  world.east.guardAway = true;
  world.west.upstream = async () => ({ answers: false, said: 'timeout expired' });
  await standFor(20_000);
  expect(log[0]).toMatchObject({
    event: 'region-silent',
    seen: expect.stringContaining('west gets no answer from its database (timeout expired)'),
  });
  expect(world.west.role).toBe('primary');
});

it('leaves a region alone whose database answers the standby: its guard alone is gone', async () => {
  world.east.guardAway = true;
  world.west.upstream = async () => ({ answers: true, said: 'a session' });
  await standFor(60_000);
  expect(log).toEqual([]);
  expect(world.west.role).toBe('standby');
});

it('leaves a region alone whose guard says that its database is open, though nothing streams', async () => {
  world.west.streaming = false;
  await standFor(60_000);
  expect(log).toEqual([]);
});

it('counts from the beginning when the region has answered in between', async () => {
  world.lose(world.east);
  await standFor(7_000);
  world.east.away = false;
  world.west.streaming = true;
  await standFor(3_000);
  world.lose(world.east);
  await standFor(7_000);
  expect(world.west.role).toBe('standby');
});

it.each(['between two looks', 'within a look'])(
  'counts anew when serve itself stood still %s: its own pause is no silence',
  async (where) => {
    const { clock } = world;
    let still = false;
    const stand = async () => {
      if (still) await clock.sleep(30_000);
    };
    world.west.upstream = async () => {
      if (where === 'within a look') await stand();
      return { answers: !world.east.away, said: 'asked' };
    };
    await served(world, 60_000, async (signal) => {
      const sleep: typeof clock.sleep = async (ms, given) => {
        await clock.sleep(ms, given);
        if (given === signal && where === 'between two looks') await stand();
      };
      world.east.away = true;
      const standing = keepStanding({
        service: { ...operatedWorld(world), clock: { ...clock, sleep } },
        ...{ policy, signal, random: seededRandom(1), log: (event) => log.push(event) },
      });
      await clock.sleep(4_000);
      still = true;
      await clock.sleep(5_000);
      still = false;
      world.east.away = false;
      // The region is well while nothing looks at it, and unreachable for a moment at each look.
      await clock.sleep(23_000);
      world.east.away = true;
      await clock.sleep(9_000);
      world.east.away = false;
      await standing;
    });
    expect(world.west.role).toBe('standby');
    expect(log[0]).toMatchObject({ event: 'region-silent' });
  },
);

it('does nothing while automation is halted', async () => {
  await world.store.setHalt({ by: 'bob', reason: 'freeze', wallMs: 0 });
  world.lose(world.east);
  await standFor(60_000);
  expect(world.west.role).toBe('standby');
  expect(log).toMatchObject([{ event: 'region-silent' }]);
});

it('accepts no refusal that it does not name: says so, and changes nothing', async () => {
  world.lose(world.east);
  await standFor(60_000, { ...policy, overrides: [] });
  expect(world.west.role).toBe('standby');
  expect(log.filter(({ event }) => event === 'standing-refused').length).toBeGreaterThan(2);
  expect(await world.store.runs({ service: 'checkout', limit: 1 })).toEqual([]);
  // People are told once, however often it tries: the missing approval, what was not lost, and the
  // next action.
  expect(told).toMatchObject([{ kind: 'needs-approval', runId: null }]);
  expect(told[0]?.text).toMatch(
    /fence-not-possible: .*\nNothing was changed\.\n.+--override NAME.+\nIt is tried again.*`throwover plan failover --to REGION`/,
  );
});

it('killed half-way it is carried on by the next serve, with what was approved', async () => {
  world.lose(world.east);
  const dead = new AbortController();
  world.west.before = (command) => {
    if (command !== 'promote') return;
    world.west.before = () => {};
    dead.abort();
  };
  const standing = keepStanding({
    service: operatedWorld(world),
    policy,
    signal: dead.signal,
    random: seededRandom(1),
    log: (event) => log.push(event),
  });
  await world.clock.advance(60_000);
  await world.clock.until(standing);
  expect((await world.newestRun()).status).toBe('running');

  const stop = new AbortController();
  const care = caretake({
    service: operatedWorld(world),
    signal: stop.signal,
    log: () => {},
  });
  await world.clock.advance(60_000);
  stop.abort();
  await world.clock.until(care);
  expect((await world.newestRun()).status).toBe('succeeded');
  expect(await world.store.service('checkout')).toMatchObject({ active: 'west', epoch: 2 });
});

it('a bug in what it looks at is said, and ends neither the watch nor serve', async () => {
  const { status } = world.west;
  world.lose(world.east);
  world.west.status = () => Promise.reject(new TypeError('a bug'));
  await standFor(20_000);
  expect(log).toContainEqual({ event: 'standing-refused', error: 'TypeError: a bug' });
  world.west.status = status;
  await standFor(60_000);
  expect(world.west.role).toBe('primary');
});

it('comes back later each time to a failover that was undone', async () => {
  world.lose(world.east);
  // Its guard has renounced every token that can be given out here: each promotion turns back.
  world.west.renounced = 1_000;
  await standFor(200_000);
  const begun = log.filter(({ event }) => event === 'standing-failover').length;
  expect(begun).toBeGreaterThanOrEqual(2);
  expect(begun).toBeLessThanOrEqual(4);
});

it('does not come back by itself (A8)', async () => {
  world.lose(world.east);
  await standFor(60_000);
  expect(world.west.role).toBe('primary');
  world.east.away = false;
  world.lose(world.west);
  await standFor(60_000);
  expect(await world.store.service('checkout')).toMatchObject({ active: 'west', epoch: 2 });
});
