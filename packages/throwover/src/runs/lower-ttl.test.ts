import { beforeEach, expect, it } from 'vitest';
import { TimeScale } from '../kernel/kernel.ts';
import { World } from './runs.fixture.ts';

let world: World;
beforeEach(async () => {
  world = await new World().begin();
  world.policy = { lowerTtl: { lowTtlSeconds: 5, timeScale: new TimeScale(60) } };
});

it('a switchover lowers the TTL before anything else, waits, and flips with the declared one (A4)', async () => {
  const ttls: [number, string][] = [];
  const replace = world.dns.replace.bind(world.dns);
  world.dns.replace = async (old, next) => {
    ttls.push([next.ttlSeconds, next.generation.region]);
    await replace(old, next);
  };
  const startMs = world.clock.monotonicMs();
  let fencedMs = Number.NaN;
  world.east.before = (command) => {
    if (command === 'fence') fencedMs = world.clock.monotonicMs();
  };
  expect(await world.run('switchover')).toMatchObject({ status: 'succeeded' });
  expect(ttls).toEqual([
    [5, 'east'],
    [60, 'west'],
  ]);
  // 60 s of life time are one second here; how long resolvers keep an answer beyond that is not
  // measured.
  expect(fencedMs - startMs).toBeGreaterThanOrEqual(1_000);
  const { records } = await world.newestRun();
  const outcome = records.find(
    (record) => record.type === 'outcome' && record.step === 'lower-ttl',
  );
  expect(outcome).toMatchObject({ evidence: { formerSeconds: 60, beyondMs: null, resolvers: 0 } });
});

it('a run that is undone writes the former TTL back', async () => {
  world.west.before = (command) => {
    if (command === 'promote') world.west.renounced = world.west.token;
  };
  expect(await world.run('switchover')).toMatchObject({ status: 'undone' });
  expect(world.record).toMatchObject({
    ttlSeconds: 60,
    values: ['192.0.2.1'],
    generation: { number: 3, epoch: 1, region: 'east' },
  });
});

it('a failover does not wait for anything of the kind', () => {
  const names = world.define('failover').steps.map(({ name }) => name);
  expect(names).not.toContain('lower-ttl');
});
