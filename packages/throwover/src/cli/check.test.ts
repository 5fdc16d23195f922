import { expect, test } from 'vitest';
import { before, population } from '../evidence/forecast/population.fixture.ts';
import type { EvidenceKind, EvidenceLog, EvidenceSample } from '../evidence/samples.ts';
import { World } from '../runs/runs.fixture.ts';
import { storeErrors } from '../store/errors.ts';
import { checkCommand } from './check.ts';
import { worldSession } from './world-session.fixture.ts';

type Kept = { readonly [K in EvidenceKind]?: readonly EvidenceSample<K>[] };

interface Part {
  readonly section: string;
  readonly part: string;
  readonly state: string;
  readonly said: string;
}

async function board(list: EvidenceLog['list']) {
  const world = await new World().begin();
  const session = worldSession(world);
  const evidence: EvidenceLog = { add: async () => {}, list };
  let told = { result: { parts: [] as readonly Part[] }, text: '' };
  const output = {
    json: false,
    say: () => {},
    result: (result: { parts: readonly Part[] }, text: string) => {
      told = { result, text };
    },
  };
  const context = { terminal: {} as never, output: output as never };
  const checking = checkCommand(
    { ...context, session: { ...session, parts: { ...session.parts, evidence } } },
    { adopt: false },
  );
  const code = await world.clock.until(checking);
  const of = (name: string) => told.result.parts.find(({ part }) => part === name);
  return { code, text: told.text, of };
}

const listOf =
  (kept: Kept): EvidenceLog['list'] =>
  async <K extends EvidenceKind>(kind: K) =>
    (kept[kind] ?? []) as EvidenceSample<K>[];

test('what was never measured is unknown, says how to measure it, and fails nothing', async () => {
  const { code, text, of } = await board(listOf({}));
  expect(code).toBe(0);
  expect(of('survey')).toMatchObject({ section: 'forecast', state: 'unknown' });
  expect(of('survey')?.said).toContain('throwover dns survey');
  expect(of('calibration')).toMatchObject({ state: 'unknown' });
  const headings = text.split('\n').filter((line) => /^[a-z]+$/.test(line));
  expect(headings).toEqual(['database', 'traffic', 'webhooks', 'people', 'forecast']);
  expect(text.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
});

test('what was measured is told with its count and its age', async () => {
  const { resolvers, beacons, connections } = before(population(1), 1);
  const scored = { predictedLifeMs: 110, lowLifeMs: 90, highLifeMs: 130, measuredLifeMs: 100 };
  const share = { ...scored, inside: true };
  const score = { runId: 'run_1', atWallMs: 1, t50: share, t90: share, t99: share };
  const kept = {
    ...{ resolver: resolvers, beacon: beacons, connections },
    'forecast-score': [score],
  };
  const { of } = await board(listOf(kept));
  expect(of('survey')).toMatchObject({ state: 'healthy' });
  expect(of('survey')?.said).toMatch(/^36 resolvers, newest .* ago; 0 with clients/);
  expect(of('connections')?.said).toMatch(/^\d+ open at east, .* ago$/);
  expect(of('calibration')?.said).toContain('90 % 1/1 inside, off 10 %');
});

test('a log that does not answer is unreachable, as every other part is', async () => {
  const away = () => Promise.reject(storeErrors.make('store-away', 'nobody listens'));
  await expect(board(away)).rejects.toMatchObject({ code: 'parts-away' });
});
