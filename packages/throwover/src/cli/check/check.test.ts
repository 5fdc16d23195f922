import { expect, test } from 'vitest';
import { before, population } from '../../evidence/forecast/population.fixture.ts';
import type { EvidenceKind, EvidenceLog, EvidenceSample } from '../../records/samples.ts';
import { World } from '../../runs/runs.fixture.ts';
import { storeErrors } from '../../store/errors.ts';
import { plannedRun } from '../../store/plan.fixture.ts';
import { worldSession } from '../world-session.fixture.ts';
import { check } from './check.ts';

type Kept = { readonly [K in EvidenceKind]?: readonly EvidenceSample<K>[] };

interface Part {
  readonly section: string;
  readonly part: string;
  readonly state: string;
  readonly said: string;
}

async function board(
  list: EvidenceLog['list'],
  change: (world: World) => void | Promise<void> = () => {},
) {
  const world = await new World().begin();
  await change(world);
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
  const checking = check.run(
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

/** Faults that keep the next switch from working, as people and accidents cause them. */
const wrongSetUps: readonly {
  readonly title: string;
  readonly part: string;
  readonly says: string;
  readonly change: (world: World) => void | Promise<void>;
}[] = [
  {
    title: 'a run that nobody has ended',
    part: 'store',
    says: 'throwover resume run_',
    change: async ({ store }) => {
      await store.beginRun({
        ...{ ...plannedRun(), owner: 'a controller that is gone', leaseMs: 15_000 },
      });
    },
  },
  {
    title: 'the kill switch that was thrown and forgotten',
    part: 'store',
    says: 'throwover halt --off',
    change: async ({ store }) => {
      await store.setHalt({ by: 'carol', reason: 'a bad release', wallMs: 1 });
    },
  },
  {
    title: 'a gateway that holds although no run is open',
    part: 'west gateway',
    says: 'HOLDS WEBHOOKS',
    change: async ({ clock, gateways }) => {
      await clock.until(Promise.all([gateways[1]?.set({ mode: 'hold', epoch: 1 }, 1)]));
    },
  },
  {
    title: 'an active region that takes no writes since its start',
    part: 'east database',
    says: 'the application cannot write',
    change: ({ east }) => {
      east.closed = { by: 'start' };
    },
  },
  {
    title: 'an active region under a fence that never ends',
    part: 'east database',
    says: 'the application cannot write',
    change: ({ east }) => {
      east.closed = { by: 'fence', run: 'run-1', token: 3, deadlineMs: null, position: null };
    },
  },
  {
    title: 'an active region that holds no lease, in strict mode',
    part: 'east database',
    says: 'holds no lease',
    change: ({ east }) => {
      const status = east.status.bind(east);
      east.status = async () => ({ ...(await status()), leaseLeftMs: 0 });
    },
  },
  {
    title: 'an active region whose database was made a standby by hand',
    part: 'east database',
    says: 'NO WRITER',
    change: ({ east }) => {
      east.role = 'standby';
    },
  },
  {
    title: 'an active region whose database is stopped',
    part: 'east database',
    says: 'NO WRITER',
    change: ({ east }) => {
      east.role = 'stopped';
    },
  },
  {
    title: 'a standby that receives nothing',
    part: 'west database',
    says: 'RECEIVES NOTHING',
    change: ({ west }) => {
      west.streaming = false;
    },
  },
  {
    title: 'a standby that is stopped',
    part: 'west database',
    says: 'is stopped',
    change: ({ west }) => {
      west.role = 'stopped';
    },
  },
  {
    title: 'an old primary that was never taken back in',
    part: 'west database',
    says: 'throwover rejoin',
    change: ({ west }) => {
      west.role = 'primary';
      west.closed = { by: 'newer-epoch', epoch: 1, active: 'east' };
    },
  },
  ...(
    [
      ['of another service on the same host', { service: 'search' }, 'of service search'],
      [
        'that works with a third region',
        { peer: { region: 'north', confirmed: true } },
        'works with north, not with east',
      ],
      ['without a peer', { peer: null }, 'refuses every run'],
      [
        'that its peer has never confirmed',
        { peer: { region: 'east', confirmed: false } },
        'has never told',
      ],
      ['of the other region', { region: 'east' }, 'the addresses of both guards are swapped'],
    ] as const
  ).map(([what, answer, says]) => ({
    title: `a guard ${what}`,
    part: 'west database',
    says,
    change: ({ west }: World) => {
      const status = west.status.bind(west);
      west.status = async () => ({ ...(await status()), ...answer });
    },
  })),
  {
    title: 'a standby that streams and that the primary does not know',
    part: 'east database',
    says: 'application_name',
    change: ({ east }) => {
      const status = east.status.bind(east);
      east.status = async () => ({ ...(await status()), standby: null });
    },
  },
];

test('a gateway that holds for an open run is as it must be', async () => {
  const error = await board(listOf({}), async ({ clock, gateways, store }) => {
    await clock.until(Promise.all([gateways[1]?.set({ mode: 'hold', epoch: 1 }, 1)]));
    await store.beginRun({
      ...{ ...plannedRun(), owner: 'a controller', leaseMs: 15_000 },
    });
  }).then(
    () => null,
    (thrown: { evidence: { parts: readonly Part[] } }) => thrown,
  );
  const gateways = error?.evidence.parts.filter(({ section }) => section === 'webhooks');
  expect(gateways?.map(({ state }) => state)).toEqual(['healthy', 'healthy']);
});

test.each(wrongSetUps)('is not green: $title', async ({ part, says, change }) => {
  const error = await board(listOf({}), change).then(
    () => null,
    (thrown: { code: string; evidence: { parts: readonly Part[] } }) => thrown,
  );
  expect(error?.code).toBe('parts-unhealthy');
  const unhealthy = error?.evidence.parts.filter(({ state }) => state === 'unhealthy') ?? [];
  expect(unhealthy.map((one) => one.part)).toEqual([part]);
  expect(unhealthy[0]?.said).toContain(says);
});
