import { expect, test } from 'vitest';
import { stepsOf } from '../../records/journal-steps.ts';
import type { EvidenceLog } from '../../records/samples.ts';
import { World } from '../../runs/runs.fixture.ts';
import { wholeFile } from '../../service/service.fixture.ts';
import { parseService } from '../../service/service.ts';
import { gatherForecast } from './gather.ts';

const nothing: EvidenceLog = { add: async () => {}, list: async () => [] };

function gather(world: World, kind: 'switchover' | 'failover') {
  const service = parseService(wholeFile, 'throwover.yaml');
  const { store, clock } = world;
  return gatherForecast({
    ...{ service: { ...service, name: 'checkout' }, store, evidence: nothing },
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
