import { beforeEach, expect, test } from 'vitest';
import { World } from '../../runs/runs.fixture.ts';
import { plannedRun } from '../../store/plan.fixture.ts';
import { check } from '../check/check.ts';
import { worldSession } from '../world-session.fixture.ts';
import { endDamaged, endedDamagedText } from './abort-damaged.ts';
import { abort, resume } from './run-commands.ts';
import { runs } from './run-list.ts';

const leaseMs = 15_000;
const given = { by: 'ana', reason: 'its rows were edited' };

let world: World;
let runId: string;

/** A run that has closed east and is damaged then; its controller is gone. */
beforeEach(async () => {
  world = await new World().begin();
  const { clock, store, kept, east } = world;
  const lease = await store.beginRun({ ...plannedRun(), owner: 'a controller', leaseMs });
  runId = lease.runId;
  const { token } = lease;
  const scope = { service: 'checkout', run: runId, from: 'east', to: 'west' };
  const fence = { scope, token, openTransactionsMs: 0, deadlineMs: null };
  await clock.until(east.fence(fence));
  await store.expireWriter({ service: 'checkout', runId, token });
  const run = kept.runs.get(runId);
  if (run !== undefined) run.plan = '{"steps":[]}';
  await clock.advance(leaseMs);
});

const session = () => worldSession(world);
const end = () => world.clock.until(endDamaged(session(), { runId, ...given }));
const shown = async () => {
  let told = { value: { runs: [] as readonly { damage: unknown }[] }, text: '' };
  const output = {
    ...{ json: false, say: () => {} },
    result: (value: typeof told.value, text: string) => {
      told = { value, text };
    },
  };
  await runs.run({ output: output as never, session: session() }, { limit: 5 });
  return told;
};
const renewal = () =>
  world.store.renewWriter({ service: 'checkout', region: 'east', epoch: 1, leaseMs: 1_000 });

test('check and runs tell a damaged run, with its code and the next command, and resume refuses', async () => {
  const command = `throwover abort ${runId} --damaged --by NAME --reason TEXT`;
  const board = await world.clock.until(check.look(session(), {}));
  const store = board.parts.find(({ part }) => part === 'store');
  expect(store).toMatchObject({ state: 'unhealthy' });
  expect(store?.said).toContain('journal-damaged');
  expect(store?.said).toContain(command);
  const { text, value } = await shown();
  const words = text.replace(/\s+/g, ' ');
  expect(words).toContain('DAMAGED');
  expect(words).toContain(`journal-damaged: run ${runId}: its plan is no plan`);
  expect(words).toContain(command);
  expect(value.runs[0]?.damage).toMatchObject({ code: 'journal-damaged' });
  const context = { terminal: { onSignal: () => () => {} } as never, output: {} as never };
  await expect(
    resume.run({ ...context, session: session() }, { run: runId, override: [] }),
  ).rejects.toMatchObject({
    code: 'journal-damaged',
    remedy: expect.stringContaining('--damaged --by NAME --reason TEXT'),
  });
});

test('a person ends it: what can be proved is opened, and the next run begins', async () => {
  expect(world.east.closed).toMatchObject({ by: 'fence' });
  expect(await renewal()).toMatchObject({ why: 'stopped' });
  const ended = await end();
  expect(ended.ending).toMatchObject({ runId, reason: given.reason });
  expect(ended.ending.by).toMatch(/^ana \(.+\)$/);
  expect(ended.opening).toContain('east was opened');
  expect(ended.left).toEqual([]);
  expect(world.east.closed).toBeNull();
  expect(await renewal()).toEqual({ kind: 'granted' });
  const text = endedDamagedText(ended);
  expect(text).toContain('its plan is no plan');
  expect(text).toContain('throwover check');
  const { text: list } = await shown();
  expect(list).toContain('abandoned');
  expect(list).toContain(given.reason);
  const result = await world.run('switchover');
  expect(result.status).toBe('succeeded');
});

test('the other side has accepted a promotion: nothing is opened, and it is said', async () => {
  world.west.accepted = { token: 1, epoch: 2 };
  const ended = await end();
  expect(ended.opening).toContain('accepted a promotion for epoch 2');
  expect(world.east.closed).toMatchObject({ by: 'fence' });
  expect(ended.left).toEqual(['east database: primary, CLOSED by a fence']);
});

test('the other side does not answer: nothing is opened; the same command later does it', async () => {
  world.west.away = true;
  const ended = await end();
  expect(ended.opening).toContain("west's guard does not answer");
  expect(world.east.closed).toMatchObject({ by: 'fence' });
  expect(ended.left).toContain('east database: primary, CLOSED by a fence');
  expect(ended.left).toContain('west database: no answer');
  world.west.away = false;
  const again = await end();
  expect(again.ending).toEqual(ended.ending);
  expect(world.east.closed).toBeNull();
});

test('it needs a name, and no steps to leave; a run that can be read is refused', async () => {
  const context = { terminal: {} as never, output: {} as never, session: session() };
  const wrong = { code: 'usage-wrong' };
  const damaged = { run: runId, damaged: true, leave: [], ...given };
  for (const one of [{ by: ' ' }, { reason: '' }, { leave: ['fence'] }]) {
    await expect(abort.run(context, { ...damaged, ...one })).rejects.toMatchObject(wrong);
  }
  const run = world.kept.runs.get(runId);
  if (run !== undefined) run.plan = JSON.stringify(plannedRun().plan);
  await expect(end()).rejects.toMatchObject({
    code: 'run-not-damaged',
    remedy: expect.stringContaining('throwover resume RUN'),
  });
});
