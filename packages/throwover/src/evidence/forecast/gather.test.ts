import { expect, test } from 'vitest';
import { TimeScale, unscaled } from '../../kernel/kernel.ts';
import { stepsOf } from '../../records/journal-steps.ts';
import type { EvidenceKind, EvidenceLog } from '../../records/samples.ts';
import { World } from '../../runs/runs.fixture.ts';
import { wholeFile } from '../../service/service.fixture.ts';
import { parseService } from '../../service/service.ts';
import { gatherForecast } from './gather.ts';

const nothing: EvidenceLog = { add: async () => {}, list: async () => [] };

function gather(
  world: World,
  kind: 'switchover' | 'failover',
  { evidence = nothing, timeScale = unscaled } = {},
) {
  const service = parseService(wholeFile, 'throwover.yaml');
  const { store, clock } = world;
  return gatherForecast({
    ...{ service: { ...service, name: 'checkout', timeScale }, store, evidence },
    ...{ kind, from: 'east', clock },
  });
}

test('the stages of a run add up to the time from its first act to its flip', async () => {
  const world = await new World().begin();
  await world.run('switchover');
  const { firstActMs, flippedMs } = stepsOf(await world.newestRun());
  const { facts, runs } = await gather(world, 'switchover');
  expect(runs).toBe(1);
  const before = facts.stages.filter(({ stage }) => stage !== 'webhooks');
  const sum = before.flatMap(({ samplesLifeMs }) => samplesLifeMs).reduce((a, b) => a + b, 0);
  expect(flippedMs).not.toBeNull();
  expect(sum).toBeCloseTo((flippedMs ?? 0) - firstActMs);
  expect(sum).toBeGreaterThan(0);
  const promote = facts.stages.find(({ stage }) => stage === 'promote');
  expect(promote?.samplesLifeMs).toHaveLength(1);
  expect(promote?.ageMs).not.toBeNull();
});

test('another kind of run says nothing of a failover: its stages are there, without samples', async () => {
  const world = await new World().begin();
  await world.run('switchover');
  const { facts, runs } = await gather(world, 'failover');
  expect(runs).toBe(0);
  expect(facts.forwarding).toBe(false);
  expect(facts.stages.map(({ stage, samplesLifeMs }) => [stage, samplesLifeMs.length])).toEqual(
    ['detect', 'decide', 'approve', 'fence', 'promote', 'flip'].map((stage) => [stage, 0]),
  );
});

test('beacons count for ten minutes of life time, which are 10 s where a minute is a second', async () => {
  const world = await new World().begin();
  const nowMs = world.clock.wallMs();
  const beacons = [2_000, 20_000].map((agoMs) => ({
    ...{ fromWallMs: nowMs - agoMs - 1_000, toWallMs: nowMs - agoMs },
    ...{ network: '198.51.100.0/24', resolver: '192.0.2.53', count: 250 },
  }));
  const list = async (kind: EvidenceKind) => (kind === 'beacon' ? beacons : []) as never;
  const countAt = async (timeScale: TimeScale) => {
    const { facts } = await gather(world, 'switchover', {
      evidence: { ...nothing, list },
      timeScale,
    });
    return facts.holdover.count;
  };
  expect(await countAt(unscaled)).toBe(500);
  expect(await countAt(new TimeScale(60))).toBe(250);
});
