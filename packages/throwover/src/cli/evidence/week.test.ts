import { beforeEach, describe, expect, test } from 'vitest';
import type { WeekTask } from '../../improvement/week/week-task.ts';
import { addFinding, closeFinding, taskFinding } from '../drill/finding.ts';
import { Team } from './team.fixture.ts';
import { taskDone, weekCommand } from './week.ts';

/** Tasks from drills and findings, by the real commands on virtual time. */

const people = ['ana@example.com', 'bo@example.com', 'cy@example.com'];
const [ana = '', bo = '', cy = ''] = people;
const everyDay = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
const drills = (more: Record<string, unknown> = {}) => ({
  every: 'FREQ=MONTHLY;INTERVAL=3',
  from: '2026-02-01',
  zone: 'UTC',
  windows: [{ days: everyDay, from: '10:00', until: '15:00' }],
  soak: '30m',
  rota: { people },
  ...more,
});
const owned = { truths: { people: { owner: cy } } };

let team: Team;
beforeEach(async () => {
  team = await Team.of(people);
  team.declare(owned, people, drills());
});

const tasks = async (): Promise<readonly WeekTask[]> => {
  const given = { person: undefined, format: 'text' } as const;
  const { result, text } = await team.ask((context) => weekCommand.run(context, given));
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  return (result as { tasks: WeekTask[] }).tasks;
};
/** Returns the tasks whose key begins with `start`, each with the text that a person sees first. */
const of = async (start: string) =>
  (await tasks())
    .filter(({ key }) => key.startsWith(start))
    .map(({ key, person, what, how, done }) => ({ key, person, what, how, done }));
const says = (task: string, as: string) =>
  team.ask((context) => taskDone.run(context, { task, as }));

describe('a drill that comes', () => {
  test('is no task before its reminder', async () => {
    await team.days(17);
    expect(await of('drill')).toEqual([]);
    await team.days(0.5);
    expect((await of('drill')).map(({ key, person }) => `${key}: ${person}`)).toEqual([
      'drill 2026-02-01 plan: ana@example.com',
      'drill 2026-02-01 runbook: ana@example.com',
      'drill 2026-02-01 shadow: bo@example.com',
      'drill 2026-02-01: ana@example.com',
    ]);
  });

  test('its preparation is done by the word of who prepares, and of nobody else', async () => {
    await team.days(20);
    const key = 'drill 2026-02-01 plan';
    const done = async () => (await of(key)).map((task) => task.done);
    expect(await done()).toEqual([false]);
    await says(key, cy);
    expect(await done()).toEqual([false]);
    await says(key, ana);
    expect(await done()).toEqual([true]);
    expect((await says('drill 2026-02-01', ana)).code).toBe('usage-wrong');
    // Another person drives now, who has read nothing.
    const leave = [{ who: ana, from: '2026-02-01', until: '2026-02-01' }];
    team.declare(owned, people, drills({ rota: { people, leave } }));
    expect((await of(key)).map(({ person, done: is }) => [person, is])).toEqual([[bo, false]]);
  });

  test('is done by evidence: for a week, to be seen', async () => {
    await team.days(31.5);
    const before = (await tasks()).find(({ key }) => key === 'drill 2026-02-01');
    expect(before).toMatchObject({ minutes: 90, dueWallMs: Date.UTC(2026, 1, 1, 15) });
    await team.driveWell('ana');
    const driven = { person: ana, what: 'Drive the drill', done: true };
    expect(await of('drill')).toMatchObject([{ key: 'drill 2026-02-01', ...driven }]);
    await team.days(7.1);
    expect(await of('drill')).toEqual([]);
  });

  test('of a region loss is prepared as a failover', async () => {
    team.declare(owned, people, drills({ kinds: ['region-loss'] }));
    await team.days(20);
    expect((await of('drill')).map(({ how }) => how)).toEqual([
      'throwover plan failover --to REGION',
      'throwover runbook --kind failover',
      'throwover runbook --kind failover',
      'throwover drill start',
    ]);
  });

  test('that nobody can drive, or that finds no window, is for the owner of the truth', async () => {
    const leave = people.map((who) => ({ who, from: '2026-02-01', until: '2026-02-01' }));
    team.declare(owned, people, drills({ rota: { people, leave } }));
    expect(await of('drill')).toMatchObject([
      { person: cy, what: 'Find a driver for the drill on 2026-02-01' },
    ]);
    const blocked = [{ from: '2026-01-01', until: '2028-01-01', why: 'a long freeze' }];
    team.declare(owned, people, drills({ blocked }));
    const [only] = await of('drill');
    expect(only).toMatchObject({ person: cy, what: 'Free a window for the drill due 2026-02-01' });
  });

  test('takes the place of a rehearsal', async () => {
    const truths = { dns: { owner: ana, step: 'flip' }, ...owned.truths };
    team.declare({ truths });
    const rehearsals = async () =>
      (await tasks()).filter(({ what }) => what === 'Rehearse a switch').length;
    expect(await rehearsals()).toBe(1);
    await team.days(20);
    expect(await rehearsals()).toBe(0);
  });
});

describe('findings', () => {
  const raise = async () => {
    const { result } = await team.ask((c) =>
      addFinding.run(c, { text: 'The TTL was 300', as: bo }),
    );
    return (result as { finding: string }).finding;
  };

  test('without an owner are for the owner of the truth, else for nobody who is named', async () => {
    const id = await raise();
    const what = `Give ${id} an owner and a date, or waive it`;
    expect(await of('finding')).toMatchObject([{ key: `finding ${id}`, person: cy, what }]);
    team.declare({});
    expect(await of('finding')).toMatchObject([{ person: null, what }]);
    // Also for a service that has no drills.
    team.declare(owned, people, null);
    expect(await of('finding')).toMatchObject([{ person: cy, what }]);
  });

  test('have their owner until they are settled, or their owner leaves', async () => {
    const id = await raise();
    await team.ask((c) =>
      taskFinding.run(c, { finding: id, owner: 'bo', due: '2026-03-01', as: ana }),
    );
    const [task] = (await tasks()).filter(({ key }) => key === `finding ${id}`);
    expect(task).toMatchObject({ person: bo, dueWallMs: Date.UTC(2026, 2, 2), done: false });
    team.declare(owned, [ana, cy]);
    expect(await of('finding')).toMatchObject([{ person: cy }]);
    team.declare(owned, people);
    await team.ask((c) => closeFinding.run(c, { finding: id, note: 'it is 60 now', as: bo }));
    expect(await of('finding')).toMatchObject([{ person: bo, done: true }]);
    await team.days(7.1);
    expect(await of('finding')).toEqual([]);
  });
});

test('a calendar that cannot be read is a task, by its name', async () => {
  team.declare(owned, people, drills({ blocked: [{ calendar: 'freeze.ics' }] }));
  expect(await of('calendar')).toEqual([
    {
      key: 'calendar freeze.ics',
      person: cy,
      what: 'Make a calendar readable',
      how: 'throwover drill plan',
      done: false,
    },
  ]);
  team.calendars.set('freeze.ics', 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n');
  expect(await of('calendar')).toEqual([]);
});

test('who has never driven learns it, once a quarter by word, until driving it shows', async () => {
  const who = async () => (await of('practice')).map(({ person }) => person);
  expect(await who()).toEqual(people);
  await says(`practice ${bo}`, ana);
  expect(await who()).toEqual(people);
  await says(`practice ${bo}`, bo);
  expect(await who()).toEqual([ana, cy]);
  await team.days(31.5);
  await team.driveWell('ana');
  expect(await who()).toEqual([cy]);
  await team.days(93 - 31.5);
  expect(await who()).toEqual([bo, cy]);
  // Half a year later the practice has faded.
  await team.days(120);
  expect((await of('practice')).map(({ what }) => what)).toEqual([
    'Read again how to drive',
    'Learn to drive: you never have',
    'Learn to drive: you never have',
  ]);
});
