import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { names, type Pair, testPair } from '../../../../lab/src/postgres/fixtures/pair.ts';
import { until } from '../../../../lab/src/postgres/fixtures/servers.ts';
import {
  type Guards,
  guardsOf,
  untilOneCluster,
} from '../../providers/postgres/guard/guards.fixture.ts';
import { World } from '../../runs/runs.fixture.ts';
import { maxCounter } from '../../store/limits.ts';
import { plannedRun } from '../../store/plan.fixture.ts';
import { numbersAhead } from '../check/check-database.ts';
import { worldSession } from '../world-session.fixture.ts';
import { renumber } from './renumber.ts';

let pair: Pair;
let guards: Guards;
beforeAll(async () => {
  pair = await testPair();
  guards = await guardsOf(pair);
});
beforeEach(() => pair.databases.reset());
afterEach(() => guards.end());
afterAll(() => pair.remove());

it('an epoch that nobody has opened: both guards forget it at the same time', async () => {
  const [east, west] = await Promise.all([guards.start('east'), guards.start('west')]);
  await until('west streams', async () => (await west.side.status()).streaming);
  await until('east is open', async () => (await east.side.status()).closed === null);
  const { host, port } = guards.config('east')['listen'] as { host: string; port: number };
  const told = (epoch: number) =>
    fetch(`http://${host}:${port}/v1/peer/word`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        pair: { service: 'checkout', from: 'west', to: 'east' },
        known: { epoch, active: 'west' },
      }),
    });
  expect((await told(maxCounter + 1)).ok).toBe(false);
  expect((await told(999)).ok).toBe(true);
  await until('east is closed', async () => (await east.side.status()).closed !== null);
  await until('west has heard', async () => (await west.side.status()).known.epoch === 999);
  const status = await east.side.status();
  expect(numbersAhead(status, { token: 0, epoch: 1 }).join()).toContain('EPOCH AHEAD');

  await guards.end();
  await pair.databases.stop();
  for (const name of names) {
    const memory = join(pair.databases.side(name).stateDir, 'guard.json');
    await rename(memory, `${memory}.kept`);
  }
  const again = await guards.start('east');
  await guards.start('west');
  await until('east is open again', async () => (await again.side.status()).closed === null);
});

it("a stranger's token at a real guard: no run gets through; after renumber one does", async () => {
  const [east, west] = await Promise.all([guards.start('east'), guards.start('west')]);
  await until('west streams', async () => (await west.side.status()).streaming);
  await untilOneCluster(west.side);
  const world = await new World().begin();
  const { store } = world;
  const session = worldSession(world);
  const sides = { east: east.side, west: west.side };
  const regions = session.parts.regions.map((region) => ({
    ...region,
    database: sides[region.name as keyof typeof sides],
  }));
  const real = { ...session, parts: { ...session.parts, regions } };
  const ahead = async () => {
    const statuses = await Promise.all([east.side.status(), west.side.status()]);
    const state = await store.service('checkout');
    return statuses.map((status) => numbersAhead(status, state).length);
  };
  const scope = { service: 'checkout', from: 'east', to: 'west' };
  const fence = (run: string, token: number) =>
    east.side.fence({
      ...{ scope: { ...scope, run }, token, openTransactionsMs: 0, deadlineMs: 500 },
    });

  // More than any store can give is refused at the door, and nothing of it is kept.
  await expect(fence('run_of_a_stranger', maxCounter + 1)).rejects.toThrow();
  expect((await east.side.status()).token).toBe(0);

  await fence('run_of_a_stranger', 900_000);
  expect(await ahead()).toEqual([1, 0]);
  // The fence's deadline: west gives that token up, and refuses every run too.
  await until('east is open', async () => (await east.side.status()).closed === null);
  expect(await ahead()).toEqual([1, 1]);
  const lost = await store.beginRun({ ...plannedRun(), owner: 'ana', leaseMs: 15_000 });
  await expect(fence(lost.runId, lost.token)).rejects.toMatchObject({ code: 'token-too-old' });

  expect(await renumber.look(real, {})).toMatchObject({ after: 900_000 });
  expect(await ahead()).toEqual([0, 0]);
  const taken = await store.takeRun({ ...lost, owner: 'ana', force: true });
  const proof = await fence(lost.runId, taken.token);
  await until('west has all', async () => (await west.side.status()).received === proof.position);
  const command = { scope: { ...scope, run: lost.runId }, token: taken.token };
  await west.side.promote({ ...command, epoch: 2, proof, lossy: null });
  expect((await west.side.status()).role).toBe('primary');
});
