import { beforeEach, describe, expect, test } from 'vitest';
import { findingsOf } from '../../drills/finding.ts';
import type { Notice } from '../../notify/notify.ts';
import { served } from '../../operations/operated.fixture.ts';
import type { EvidenceSample } from '../../records/samples.ts';
import { Team } from '../evidence/team.fixture.ts';
import { type DrillServeEvent, keepDrills } from './drill-serve.ts';

const people = ['ana@example.com', 'bo@example.com'];
const dayMs = 86_400_000;
const drills = (more: Record<string, unknown> = {}) => ({
  every: 'FREQ=MONTHLY;INTERVAL=3',
  from: '2026-02-01',
  zone: 'UTC',
  windows: [{ days: ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], from: '10:00', until: '15:00' }],
  soak: '1m',
  remind: '14d',
  ...more,
});

let team: Team;
let told: Notice[];
let logged: DrillServeEvent[];
beforeEach(async () => {
  told = [];
  logged = [];
  const notifier = {
    name: 'one',
    kinds: ['drill'],
    send: async (notice: Notice) => {
      told.push(notice);
    },
  } as const;
  team = await Team.of(people, { notifiers: [notifier] });
  team.declare({}, people, drills());
});

/** Runs `serve` for this long. */
const serve = (ms: number) =>
  served(team.world, ms, (signal) =>
    keepDrills({
      ...{ session: team.session, pauseMs: 600_000, signal },
      log: (event) => logged.push(event),
    }),
  );

describe('a drill that comes', () => {
  test('is told once, from its reminder on, also after a restart of serve', async () => {
    // Planned for 2026-02-01 10:00.
    await serve(17 * dayMs);
    expect(told).toEqual([]);
    await serve(dayMs);
    expect(told.map(({ kind, subject }) => ({ kind, subject }))).toEqual([
      { kind: 'drill', subject: 'A drill of checkout comes: ana@example.com drives' },
    ]);
    expect(told[0]?.text).toMatchSnapshot();
    await serve(dayMs);
    await serve(5 * dayMs);
    expect(told).toHaveLength(1);
    expect(logged).toEqual([{ event: 'drill-reminded', service: 'checkout', due: '2026-02-01' }]);
  });

  test('is no drill: it stays due, and the next one is told as well', async () => {
    await team.days(31.5);
    await serve(60_000);
    expect(told).toHaveLength(1);
    await team.driveWell('ana');
    await team.days(88);
    await serve(60_000);
    expect(told.map(({ subject }) => subject)).toEqual([
      'A drill of checkout comes: ana@example.com drives',
      'A drill of checkout comes: bo@example.com drives',
    ]);
  });

  test('is told with what is not known of it', async () => {
    team.declare({}, people, drills({ blocked: [{ calendar: 'freeze.ics' }] }));
    await team.days(20);
    await serve(60_000);
    expect(told[0]?.text).toContain('UNKNOWN: calendar-away: freeze.ics does not answer');
  });

  test('nothing is asked of a service without drills', async () => {
    team.declare({}, people, null);
    await serve(60 * dayMs);
    expect({ told, logged }).toEqual({ told: [], logged: [] });
  });
});

describe('a forecast that was missed', () => {
  const share = (measured: number | null, [low, high]: [number, number] = [20_000, 40_000]) => ({
    predictedLifeMs: 30_000,
    lowLifeMs: low,
    highLifeMs: high,
    measuredLifeMs: measured,
    inside: measured === null ? null : low <= measured && measured <= high,
  });
  const score = (runId: string, t90: number | null): EvidenceSample<'forecast-score'> => ({
    ...{ runId, atWallMs: team.nowMs(), t50: share(30_000), t90: share(t90), t99: share(null) },
  });
  const found = async () =>
    findingsOf(await team.session.parts.records.list('finding')).map(
      ({ source, text, drill, runId }) => ({ source, text, drill, runId }),
    );
  const drillRuns = async () => {
    const runs = await team.world.store.runs({ service: 'checkout', limit: 10 });
    return runs.map(({ runId }) => runId).reverse();
  };

  test('in a run of a drill is a finding, once; held or unknown ones are none', async () => {
    await team.days(31.5);
    await team.driveWell('ana');
    const [there = '', back = ''] = await drillRuns();
    await serve(60_000);
    expect(await found()).toEqual([]);
    team.add('forecast-score', score(there, 61_000), score(back, null));
    await serve(60_000);
    await serve(dayMs);
    expect(await found()).toEqual([
      {
        source: 'forecast-missed',
        text: 'the forecast of the way there was missed: t90 61.0 s, forecast 20.0 s to 40.0 s',
        drill: expect.stringMatching(/^D\d+$/),
        runId: there,
      },
    ]);
  });

  test('in a run that is no drill concerns its calibration alone', async () => {
    await team.switchOver();
    const [only = ''] = await drillRuns();
    team.add('forecast-score', score(only, 61_000));
    await serve(60_000);
    expect(await found()).toEqual([]);
  });
});
