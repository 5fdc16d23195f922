import { beforeEach, expect, it } from 'vitest';
import { seededRandom } from '../kernel/kernel.ts';
import { type Notice, noticeKinds } from '../notify/notice.ts';
import type { Notifier } from '../notify/notify.ts';
import { World } from '../runs/runs.fixture.ts';
import { caretake } from './caretaker.ts';
import { keepStanding, type StandingEvent } from './standing.ts';
import { served, worldSession } from './world-session.fixture.ts';

const policy = `
approval:
  standing: { by: "payments-team, 2026-11-01", every: 1s, for: 10s, overrides: [two-writers, loss-above-bound] }
`;

let world: World;
let told: Notice[];
let log: StandingEvent[];
beforeEach(async () => {
  world = await new World().begin();
  log = [];
  told = [];
});

/** Everything that people are told. */
const people: Notifier = {
  name: 'people',
  kinds: noticeKinds,
  send: async (notice) => {
    told.push(notice);
  },
};

/** Lets the policy stand for this long. */
const standFor = (ms: number, text = policy) =>
  served(world, ms, (signal) =>
    keepStanding({
      session: worldSession(world, text, [people]),
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
  const session = worldSession(world, policy);
  const roles: string[] = [];
  const evidence = {
    add: async (kind: string, samples: readonly unknown[]) => void kept.push([kind, ...samples]),
    list: async () => {
      roles.push(world.west.role);
      return [];
    },
  };
  world.lose(world.east);
  await served(world, 60_000, (signal) =>
    keepStanding({
      session: { ...session, parts: { ...session.parts, evidence } },
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

it('does nothing while automation is halted', async () => {
  await world.store.setHalt({ by: 'bob', reason: 'freeze', wallMs: 0 });
  world.lose(world.east);
  await standFor(60_000);
  expect(world.west.role).toBe('standby');
  expect(log).toMatchObject([{ event: 'region-silent' }]);
});

it('accepts no refusal that it does not name: says so, and changes nothing', async () => {
  world.lose(world.east);
  await standFor(60_000, policy.replace(/overrides: \[.*\]/, 'overrides: []'));
  expect(world.west.role).toBe('standby');
  expect(log.filter(({ event }) => event === 'standing-refused').length).toBeGreaterThan(2);
  expect(await world.store.runs({ service: 'checkout', limit: 1 })).toEqual([]);
  // Once, however often it tries: what is missing, what was not lost, and what to do.
  expect(told).toMatchObject([{ kind: 'needs-approval', runId: null }]);
  expect(told[0]?.text).toMatch(
    /fence-not-possible: .*\nNothing was changed\.\n.+--override NAME.+\nSee/,
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
    session: worldSession(world, policy),
    signal: dead.signal,
    random: seededRandom(1),
    log: (event) => log.push(event),
  });
  await world.clock.advance(60_000);
  await world.clock.until(standing);
  expect((await world.newestRun()).status).toBe('running');

  const stop = new AbortController();
  const care = caretake({
    session: worldSession(world, policy),
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
  // Its guard has given up on every token that can be given out here: each promotion turns back.
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
