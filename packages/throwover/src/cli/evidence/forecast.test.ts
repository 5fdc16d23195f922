import { expect, test } from 'vitest';
import { before, play, population } from '../../evidence/forecast/population.fixture.ts';
import { seededRandom } from '../../kernel/kernel.ts';
import { forecastBefore } from '../../operations/operations.ts';
import {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
} from '../../records/samples.ts';
import type { RunEvent } from '../../runbook/runbook.ts';
import { World } from '../../runs/runs.fixture.ts';
import type { RunKind } from '../../runs/runs.ts';
import { operated } from '../session.ts';
import { worldSession } from '../world-session.fixture.ts';
import { forecastCommand } from './forecast.ts';

type Kept = { readonly [K in EvidenceKind]?: readonly EvidenceSample<K>[] };

async function setUp(kept: Kept) {
  const world = await new World().begin();
  const session = worldSession(world);
  // Nothing is asked over DNS in this file: an alias shows no TTL.
  session.loaded.service.traffic.type = 'CNAME';
  const added: [string, unknown][] = [];
  const evidence: EvidenceLog = {
    add: async (kind, samples) => {
      for (const sample of samples) added.push([kind, evidenceSamples[kind].parse(sample)]);
    },
    list: async <K extends EvidenceKind>(kind: K) => (kept[kind] ?? []) as EvidenceSample<K>[],
  };
  return { session: { ...session, parts: { ...session.parts, evidence } }, added };
}

async function ask(kept: Kept, kind: 'switchover' | 'failover') {
  const { session } = await setUp(kept);
  let told = '';
  const output = {
    json: false,
    say: () => {},
    result: (_: unknown, text: string) => {
      told = text;
    },
  };
  await forecastCommand.run(
    { output: output as never, session },
    { kind, share: '90', whatIf: true, seed: 7 },
  );
  return told;
}

const people = population(3);
const curves = [1, 2, 3].map((seed) => play(people, seed, { loosened: true }).curve);
const { resolvers, beacons, connections } = before(people, 3);
const measured: Kept = {
  ...{ resolver: resolvers, beacon: beacons, connections, 'straggler-curve': curves },
};

test('fits 80 columns, with what is known, what is missing and what could be done', async () => {
  const text = await ask(measured, 'switchover');
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(text).toMatch(/^Forecast of a switchover of \S+ from \S+ \(seed 7\)$/m);
  expect(text).toMatch(/^> 90 % of traffic/m);
  expect(text).toContain('weights known');
  // No run was made yet, so its stages are unknown; the time that caches hold answers is still
  // known.
  expect(text).toMatch(/^fence +unknown +unknown +unknown +0 +-$/m);
  expect(text).toMatch(/stages with fewer than three samples: prepare \(n=0\)/);
  expect(text).toMatch(/^TTL 20 s, no forwarding +>= /m);
  expect(text).toContain('90 % not scored yet');
});

test('a failover counts from the loss: nobody measured how long that is seen and decided', async () => {
  expect(await ask(measured, 'failover')).toMatch(/^detect +unknown/m);
});

test('with nothing measured it says unknown, never a figure', async () => {
  const text = await ask({}, 'failover');
  expect(text).toMatch(/^> 90 % of traffic +unknown +unknown +unknown +unknown$/m);
});

const stepDone = (step: string): RunEvent => ({
  ...{ type: 'step-done', step, wallMs: 2, result: 'acted' },
  ...{ evidence: {}, durationMs: 1, kind: 'machine' },
});

test.each<{ kind: RunKind; kept: number }>([
  { kind: 'switchover', kept: 1 },
  { kind: 'rejoin', kept: 0 },
])('the forecast before a $kind is kept under the name of its run', async ({ kind, kept }) => {
  const { session, added } = await setUp(measured);
  const made = forecastBefore(operated(session), {
    ...{ kind, from: 'east', approveMs: 1_200, random: seededRandom(1) },
  });
  const run = { runId: 'run_1', service: 's', kind, from: 'east', to: 'west', epoch: 1, token: 1 };
  made.note({ type: 'run-started', wallMs: 1, resumed: false, steps: [], alreadyDone: [], run });
  await made.read();
  // Nothing is drawn or stored while nobody can write.
  made.note(stepDone('promote'));
  expect(added).toEqual([]);
  made.note(stepDone('flip'));
  await made.settled();
  expect(added).toHaveLength(kept);
  if (kept > 0) {
    expect(added[0]).toMatchObject(['forecast', { runId: 'run_1', kind, approveMs: 1_200 }]);
  }
});

test('the forecast of a run that goes on as a failover is kept under its name, and read no earlier than the flip', async () => {
  const { session, added } = await setUp(measured);
  let lists = 0;
  const { list } = session.parts.evidence;
  const evidence = {
    ...session.parts.evidence,
    list: ((...given: Parameters<typeof list>) => {
      lists += 1;
      return list(...given);
    }) as typeof list,
  };
  const made = forecastBefore(operated({ ...session, parts: { ...session.parts, evidence } }), {
    ...{ kind: 'failover', from: 'east', runId: 'run_7', approveMs: null, later: true },
    random: seededRandom(1),
  });
  made.note(stepDone('promote'));
  expect(lists).toBe(0);
  made.note(stepDone('flip'));
  await made.settled();
  expect(added[0]).toMatchObject(['forecast', { runId: 'run_7', kind: 'failover' }]);
});

test('a log that fails loses the forecast, not the run', async () => {
  const { session } = await setUp({});
  const evidence = { ...session.parts.evidence, list: () => Promise.reject(new Error('away')) };
  const made = forecastBefore(operated({ ...session, parts: { ...session.parts, evidence } }), {
    kind: 'switchover',
    from: 'east',
    approveMs: null,
    random: seededRandom(1),
  });
  await expect(made.read()).resolves.toBeNull();
  await expect(made.settled()).resolves.toBeUndefined();
});
