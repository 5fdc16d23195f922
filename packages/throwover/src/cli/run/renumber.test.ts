import { expect, test } from 'vitest';
import { World } from '../../runs/runs.fixture.ts';
import { maxCounter } from '../../store/limits.ts';
import { plannedRun } from '../../store/plan.fixture.ts';
import { check } from '../check/check.ts';
import { worldSession } from '../world-session.fixture.ts';
import { renumber } from './renumber.ts';

const service = 'checkout';
const stranger = { service, run: 'run_of_a_stranger', from: 'east', to: 'west' };

const world = () => new World().begin();
const raised = (in_: World) => in_.clock.until(renumber.look(worldSession(in_), {}));
const unhealthy = async (in_: World) => {
  const { parts } = await in_.clock.until(check.look(worldSession(in_), {}));
  return parts.filter(({ state }) => state === 'unhealthy');
};

/** As a store that was put back from an older backup: it has forgotten tokens and epochs. */
function putBack(
  { kept }: World,
  older: { token?: number; epoch?: number; active?: string },
): void {
  const facts = kept.services.get(service);
  if (facts !== undefined) {
    kept.services.set(service, { ...facts, state: { ...facts.state, ...older } });
  }
}

test("a stranger's token: every run fails, check says so, renumber is the way back", async () => {
  const here = await world();
  const { clock, east, store } = here;
  const fence = { scope: stranger, token: 900_000, openTransactionsMs: 0, deadlineMs: null };
  await clock.until(east.fence(fence));
  east.closed = null;
  const failed = await here.run('switchover');
  expect(failed.error?.code).toBe('token-too-old');
  const found = (await unhealthy(here)).find(({ part }) => part === 'east database');
  expect(found?.said).toContain('TOKEN AHEAD');
  expect(found?.said).toContain('throwover renumber');

  expect(await raised(here)).toMatchObject({ after: 900_000, highest: 900_000 });
  expect((await store.service(service)).token).toBe(900_000);
  expect(await raised(here)).toMatchObject({ before: 900_000, after: 900_000 });
  const open = (await store.service(service)).openRun;
  if (open !== null) {
    const resumeOf = { runId: open, force: true };
    await here.carryOut(here.define('switchover'), { resumeOf });
  }
  expect((await here.run('switchover')).status).toBe('succeeded');
});

test('a token that a stranger made a guard renounce counts too', async () => {
  const here = await world();
  here.west.renounced = 500;
  expect((await unhealthy(here)).map(({ said }) => said).join()).toContain('token 500');
  expect(await raised(here)).toMatchObject({ after: 500 });
  expect((await here.run('switchover')).status).toBe('succeeded');
});

test('a store that was put back from an older backup, with a newer epoch at the guards', async () => {
  const here = await world();
  const before = await here.store.service(service);
  expect((await here.run('switchover')).status).toBe('succeeded');
  putBack(here, { token: before.token, epoch: before.epoch, active: before.active });
  const { west } = here;
  const status = west.status.bind(west);
  west.status = async () => ({ ...(await status()), known: { epoch: 2, active: 'west' } });
  const said = (await unhealthy(here)).map((one) => one.said).join();
  expect(said).toContain('TOKEN AHEAD');
  expect(said).toContain('EPOCH AHEAD');
  expect(await raised(here)).toMatchObject({ before: before.token });
  // As the guard of the active region tells it after a lease.
  await here.store.adoptEpoch({ service, epoch: 2, active: 'west' });
  expect((await unhealthy(here)).map((one) => one.said).join()).not.toContain('AHEAD');
});

test('an open run: its token is raised, except when it may have gone on elsewhere', async () => {
  const here = await world();
  const { store, west } = here;
  const { runId } = await store.beginRun({ ...plannedRun(), owner: 'bob', leaseMs: 15_000 });
  west.token = 70;
  const { accepted } = west;
  west.accepted = { token: 70, epoch: 2 };
  await expect(raised(here)).rejects.toMatchObject({ code: 'run-went-on', exit: 'refused' });
  west.accepted = accepted;
  expect(await raised(here)).toMatchObject({ after: 70 });
  const taken = await store.takeRun({ runId, owner: 'ana', leaseMs: 15_000, force: true });
  expect(taken.token).toBe(71);
});

test('a guard that does not answer, and a token that is the last one, are refused', async () => {
  const here = await world();
  here.west.away = true;
  await expect(raised(here)).rejects.toMatchObject({ code: 'parts-away' });
  here.west.away = false;
  here.west.token = maxCounter;
  await expect(raised(here)).rejects.toMatchObject({ code: 'tokens-used-up' });
});
