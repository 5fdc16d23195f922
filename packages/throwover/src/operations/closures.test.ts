import { beforeEach, expect, it } from 'vitest';
import type { Notice, Notifier } from '../notify/notify.ts';
import { World } from '../runs/runs.fixture.ts';
import { watchClosures } from './closures.ts';
import { operatedWorld, served } from './operated.fixture.ts';

let world: World;
let log: { readonly event: string }[];
let notices: Notice[];
beforeEach(async () => {
  world = await new World().begin();
  log = [];
  notices = [];
});

const watched = (ms: number) => {
  const notifier: Notifier = {
    name: 'a test',
    kinds: ['closure'],
    send: async (notice) => void notices.push(notice),
  };
  const service = operatedWorld(world, [notifier]);
  return served(world, ms, (signal) =>
    watchClosures({ service, signal, log: (event) => log.push(event) }),
  );
};

/** The server's state, as its guard would report it. */
function seen(observed: object): void {
  const status = world.east.status.bind(world.east);
  world.east.status = async () => {
    const now = await status();
    const as = { door: 'open', why: [], brokenForMs: null, ageMs: 10, restored: 0, ...observed };
    return { ...now, observed: as as NonNullable<typeof now.observed> };
  };
}

it('says nothing while every server does what its guard has written down', async () => {
  await watched(60_000);
  expect(log).toEqual([]);
});

it('tells people once of a file that is restored every 30 s, and again after 10 minutes', async () => {
  seen({ restored: 2 });
  await watched(599_000);
  expect(log).toHaveLength(1);
  expect(notices).toMatchObject([{ kind: 'closure', text: expect.stringContaining('2 times') }]);
  await watched(30_000);
  expect(log).toHaveLength(2);
});

it('tells people of an active region that refuses the application', async () => {
  seen({ door: 'neither', why: ["the guard's own closure refuses app"] });
  await watched(5_000);
  expect(log).toMatchObject([{ region: 'east', what: "the guard's own closure refuses app" }]);
});

it('leaves a region that does not answer to others', async () => {
  world.east.away = true;
  await watched(60_000);
  expect(log).toEqual([]);
});
