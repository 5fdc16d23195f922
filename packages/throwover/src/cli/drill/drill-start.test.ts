import { beforeEach, describe, expect, test } from 'vitest';
import { type Drill, drillsOf } from '../../drills/drill.ts';
import { findingsOf } from '../../drills/finding.ts';
import type { DrillReport } from '../../drills/report.ts';
import { isThrowoverError, wallMsOfIso } from '../../kernel/kernel.ts';
import { World } from '../../runs/runs.fixture.ts';
import { storeErrors } from '../../store/errors.ts';
import type { DoorCounts } from '../../traffic/door.ts';
import type { LatencyPiece } from '../../traffic/door-wire.ts';
import { trafficErrors } from '../../traffic/errors.ts';
import type { CommandContext } from '../context.ts';
import { Team } from '../evidence/team.fixture.ts';
import { type Hand, handsOn } from '../hands.fixture.ts';
import type { Session } from '../session.ts';
import { outputOf } from '../terminal.ts';
import { worldSession } from '../world-session.fixture.ts';
import { drillAbort } from './drill-abort.ts';
import { drillReportCommand } from './drill-report.ts';
import { drillStart } from './drill-start.ts';

/** The real engine, guards and records on virtual time; scripted hands type. */

const drills = (more = '') => `
drills:
  every: FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU
  from: 2026-01-01
  zone: UTC
  windows: [{ days: [TU, WE, TH], from: "10:00", until: "15:00" }]
  soak: 10m
  abort: { errorRate: 0.02, p99: 800ms, lag: 5s, loss: 1s }
  rota: { people: [ana@example.com, bo@example.com, cy@example.com], experts: [cy@example.com] }
${more}
home: east
`;
const window = wallMsOfIso('2026-01-13T10:30:00Z') ?? 0;

let world: World;
let session: Session;
let health: Partial<LatencyPiece>;
/** Ctrl-C at the drill's terminal. */
let interrupt: () => void;
beforeEach(async () => {
  world = await new World().begin();
  health = {};
  session = worldSession(world);
  await set(drills());
  await world.clock.advance(window - world.clock.wallMs());
});

/** Replaces throwover.yaml; the records stay. */
async function set(more: string, records = session.parts.records): Promise<void> {
  const base = worldSession(world, more);
  const { service } = base.loaded;
  service.onCall = ['ana@example.com', 'bo@example.com', 'cy@example.com'];
  const door = {
    latency: async (span: { sinceWallMs: number }) => [
      {
        fromWallMs: span.sinceWallMs,
        requests: 100,
        failed: 0,
        coldStarts: null,
        meanMs: 20,
        p50Ms: 18,
        p99Ms: 90,
        ...health,
      },
    ],
  } as Partial<DoorCounts> as DoorCounts;
  session = { ...base, parts: { ...base.parts, records, doorCounts: [door] } };
}

const type = (when: RegExp, typed: string | null, more: Partial<Hand> = {}): Hand => ({
  when,
  type: typed,
  ...more,
});
const name = type(/Type your name/, 'ana');
const look = type(/Which region is active\?/, 'east');
const approve = type(/to begin\./, 'checkout to west, and back');
const verify = type(/Which region is active now\?/, 'west');
const home = type(/to begin\./, 'checkout to east');
const whole = [name, look, approve, verify, home];

async function drill(script: readonly Hand[], options: { override?: string[] } = {}) {
  const hands = handsOn(world.clock, script);
  interrupt = hands.interrupt;
  const context: CommandContext = {
    session,
    terminal: hands.terminal,
    output: outputOf(hands.terminal, false),
  };
  const running = drillStart
    .run(context, { override: options.override ?? [], to: undefined })
    .catch((error: unknown) => {
      if (isThrowoverError(error)) return error.code;
      throw error;
    });
  const code = await world.clock.until(running, 24 * 3_600_000);
  return { code, text: hands.text(), left: hands.left() };
}

async function asked<T>(command: (context: CommandContext) => Promise<unknown>): Promise<T> {
  let found: unknown;
  const output = {
    json: false,
    say: () => {},
    event: () => {},
    result: (value: unknown) => {
      found = value;
    },
  };
  const { terminal } = handsOn(world.clock, []);
  await world.clock.until(command({ session, terminal, output }), 24 * 3_600_000);
  return found as T;
}
const report = () =>
  asked<DrillReport>((context) => drillReportCommand.run(context, { drill: undefined }));
const held = async (): Promise<readonly Drill[]> =>
  drillsOf(await session.parts.records.list('drill'));
const findings = async () => findingsOf(await session.parts.records.list('finding'));
const active = async () => (await world.store.service('checkout')).active;

describe('there and back', () => {
  test('with the driver by name, a soak, and a report by figures', async () => {
    const { code, text, left } = await drill(whole);
    expect({ code, left }).toEqual({ code: 0, left: [] });
    expect(await active()).toBe('east');
    const [only] = await held();
    expect(only).toMatchObject({
      due: '2026-01-13',
      driver: 'ana@example.com',
      shadow: 'bo@example.com',
      runs: [{ leg: 'there' }, { leg: 'back' }],
      ended: { outcome: 'whole', worst: { errorRate: 0, p99Ms: 90 } },
    });
    const soaked = (only?.ended?.atWallMs ?? 0) - (only?.startedWallMs ?? 0);
    expect(soaked).toBeGreaterThan(600_000);
    expect(await report()).toMatchObject({ verdict: 'met', first: true, findings: [] });
    for (const line of text.split('\n')) {
      if (!line.startsWith('Digest')) expect(line.length).toBeLessThanOrEqual(80);
    }
    expect(text.slice(text.indexOf('Drill D'))).toMatchSnapshot();
  });

  test('its runs are runs of the engine, mandated by the driver for the drill', async () => {
    await drill(whole);
    const runs = await world.store.runs({ service: 'checkout', limit: 10 });
    expect(runs.map(({ kind, from, to, status }) => [kind, from, to, status])).toEqual([
      ['switchover', 'west', 'east', 'succeeded'],
      ['switchover', 'east', 'west', 'succeeded'],
    ]);
    const { records } = await world.newestRun();
    expect(records[0]).toMatchObject({ type: 'mandate', by: 'ana@example.com (drill D1)' });
  });

  test('a typo, a hesitation, help and a handover are remembered, and nobody is asked twice', async () => {
    const { code } = await drill([
      name,
      type(/Which region is active\?/, 'est', { afterMs: 40_000 }),
      type(/is not it/, 'help'),
      type(/throwover check/, 'east'),
      type(/to begin\./, 'hand bo'),
      type(/to begin\./, 'expert'),
      type(/an expert is asked/, 'f the plan is long'),
      type(/Finding: the plan is long/, 'checkout to west, and back'),
      verify,
      home,
    ]);
    expect(code).toBe(0);
    const { people, drill: done } = await report();
    expect(done.handedOver).toEqual([{ from: 'ana@example.com', to: 'bo@example.com' }]);
    const rows = people.map(({ person, step, seconds, typos, helped, expert }) => ({
      at: `${person.split('@')[0]} ${step}`,
      seconds: seconds === null ? null : Math.round(seconds),
      typos,
      helped,
      expert,
    }));
    const clean = { typos: 0, helped: 0, expert: 0 };
    expect(rows).toEqual([
      { at: 'ana name', seconds: 2, ...clean },
      { at: 'ana look', seconds: 44, typos: 1, helped: 1, expert: 0 },
      { at: 'ana approve', seconds: null, ...clean },
      { at: 'bo approve', seconds: 6, typos: 0, helped: 0, expert: 1 },
      { at: 'bo verify', seconds: 2, ...clean },
      { at: 'bo return', seconds: 2, ...clean },
    ]);
    expect((await findings()).map(({ source, text, by }) => [source, text, by])).toEqual([
      ['handed-over', 'ana@example.com handed over to bo@example.com', 'throwover'],
      ['person', 'the plan is long', 'bo@example.com'],
    ]);
  });

  const lose = type(/to begin\./, 'checkout to west, dropping requests at east, and back');

  test('region-loss: cut off, failover, rejoin, failback', async () => {
    await set(drills('  kinds: [region-loss]'));
    const modes: string[] = [];
    const { east } = world.doors;
    const { set: command } = east;
    east.set = async (mode, token) => {
      modes.push(`${mode.mode} ${mode.epoch}`);
      // Users lose the region for a while before anybody reacts.
      if (mode.mode === 'cut') await world.clock.sleep(4_000);
      return command(mode, token);
    };
    const rejoin = type(/to begin\./, 'checkout to east');
    const { code } = await drill([name, look, lose, verify, rejoin, home]);
    expect(modes.slice(0, 2)).toEqual(['cut 1', 'forward 2']);
    const { objectives } = await report();
    const rto = objectives.find(({ name: what, leg }) => what === 'rto' && leg === 'there');
    expect(rto?.value).toBeGreaterThan(4_000);
    const [only] = await held();
    const kinds = await Promise.all(
      (only?.runs ?? []).map(async ({ leg, runId }) => [leg, (await world.store.run(runId)).kind]),
    );
    expect(kinds).toEqual([
      ['there', 'failover'],
      ['rejoin', 'rejoin'],
      ['back', 'failback'],
    ]);
    expect({ code, active: await active() }).toEqual({ code: 0, active: 'east' });
  });

  test('region-loss: a door that cannot be cut off ends the drill, and nothing was moved', async () => {
    await set(drills('  kinds: [region-loss]'));
    const { east } = world.doors;
    east.set = async () => {
      throw trafficErrors.make('door-unreachable', 'no answer from the door');
    };
    const { code, text } = await drill([name, look, lose]);
    expect({ code, active: await active() }).toEqual({ code: 4, active: 'east' });
    expect(text).toContain('door-unreachable');
    expect((await held())[0]?.runs).toEqual([]);
  });

  test('region-loss: a failover that does not come about gives the region back to its users', async () => {
    await set(drills('  kinds: [region-loss]'));
    const cutOff = {
      ...lose,
      also: () => {
        world.west.away = true;
      },
    };
    const { code } = await drill([name, look, cutOff]);
    expect({ code, active: await active() }).toEqual({ code: 4, active: 'east' });
    expect(world.doors.east.current).toEqual({ mode: 'serve', epoch: 1 });
  });
});

test('a printed runbook that is not that of today is a finding, once until it is settled', async () => {
  const team = await Team.of(['ana@example.com', 'bo@example.com']);
  const windows = [
    { days: ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], from: '00:00', until: '23:59' },
  ];
  const printed = ['old.md', 'good.md', 'gone.md'];
  const policy = {
    every: 'FREQ=DAILY',
    from: '2026-01-01',
    zone: 'UTC',
    windows,
    soak: '1m',
    printed,
  };
  team.declare({}, undefined, policy);
  await team.print('old.md');
  await team.switchOver();
  await team.switchOver();
  await team.print('good.md');
  await team.driveWell('ana');
  const raised = async () => {
    const all = findingsOf(await team.session.parts.records.list('finding'));
    return all.filter(({ source }) => source === 'runbook-drift').map(({ text }) => text);
  };
  const first = [
    'old.md is not the runbook of today: epoch: 1 printed, 3 now',
    'gone.md cannot be compared: gone.md does not answer',
  ];
  expect(await raised()).toEqual(first);
  await team.print('good.md');
  await team.days(1);
  await team.driveWell('bo');
  expect(await raised()).toEqual([
    ...first,
    'old.md is not the runbook of today: epoch: 1 printed, 5 now',
  ]);
});

describe('ended early, it comes back', () => {
  const aborted = async () => {
    const [only] = await held();
    const { source, reason } = only?.abort ?? {};
    return { source, reason, outcome: only?.ended?.outcome, active: await active() };
  };

  test('by a criterion that stands in the soak', async () => {
    const sick = {
      ...verify,
      also: () => {
        health = { failed: 9 };
      },
    };
    const { code, text } = await drill([name, look, approve, sick]);
    expect(code).toBe(4);
    expect(await aborted()).toEqual({
      source: 'criterion',
      reason: 'errorRate 9.0 %, above 2.0 % for 15 s',
      outcome: 'aborted',
      active: 'east',
    });
    expect(text).toContain('ABORT: errorRate 9.0 %');
    const { verdict, objectives } = await report();
    expect(verdict).toBe('not-met');
    expect(objectives.filter(({ met }) => met === false).map(({ name: what }) => what)).toEqual([
      'errorRate',
    ]);
    expect(text.slice(text.indexOf('\nDrill D'))).toMatchSnapshot();
  });

  test('not by a moment that passes', async () => {
    const moment = type(/Which region is active now\?/, 'west', {
      also: () => {
        health = { p99Ms: 5_000 };
        void world.clock.sleep(8_000).then(() => {
          health = {};
        });
      },
    });
    const { code } = await drill([name, look, approve, moment, home]);
    expect(code).toBe(0);
    expect(await report()).toMatchObject({ verdict: 'met' });
  });

  test('by what is typed while nothing is asked', async () => {
    const said = type(/west serves for/, 'abort I do not like this', { afterMs: 60_000 });
    expect((await drill([name, look, approve, verify, said])).code).toBe(4);
    expect(await aborted()).toMatchObject({
      source: 'person',
      reason: 'I do not like this',
      active: 'east',
    });
  });

  test('by another terminal', async () => {
    const other = type(/west serves for/, '', {
      also: async () => {
        await asked2((context) =>
          drillAbort.run(context, { reason: 'an incident elsewhere', takeover: false, as: 'bo' }),
        );
      },
    });
    const asked2 = async (command: (context: CommandContext) => Promise<unknown>) => {
      const { terminal } = handsOn(world.clock, []);
      await command({ session, terminal, output: outputOf(terminal, false) });
    };
    expect((await drill([name, look, approve, verify, other])).code).toBe(4);
    expect(await aborted()).toMatchObject({ reason: 'an incident elsewhere', active: 'east' });
  });

  test('by Ctrl-C', async () => {
    const stop = type(/west serves for/, '', { also: () => interrupt() });
    expect((await drill([name, look, approve, verify, stop])).code).toBe(4);
    expect(await aborted()).toMatchObject({ source: 'person', reason: 'Ctrl-C', active: 'east' });
  });

  test('by a store that is away for a while in the soak', async () => {
    const { parts } = session;
    const { records, store } = parts;
    const away = () => Promise.reject(storeErrors.make('store-away', 'no answer from the store'));
    const outage = type(/Which region is active now\?/, 'west', {
      also: () => {
        Object.assign(session.parts, {
          records: { append: away, list: away },
          store: { ...store, service: away },
        });
        void world.clock.sleep(640_000).then(() => {
          Object.assign(session.parts, { records, store });
        });
      },
    });
    const { code, text } = await drill([name, look, approve, outage]);
    expect({ code, active: await active() }).toEqual({ code: 4, active: 'east' });
    expect(text).toContain('store-away');
  });

  test('a drill that cannot be kept to its end is looked at no more', async () => {
    const { records } = session.parts;
    const away = () => Promise.reject(storeErrors.make('store-away', 'no answer from the store'));
    const gone = type(/Which region is active\?/, null, {
      also: () => {
        Object.assign(session.parts, { records: { append: away, list: away } });
      },
    });
    expect((await drill([name, gone])).code).toBe('store-away');
    Object.assign(session.parts, { records });
    let looks = 0;
    for (const door of session.parts.doorCounts) {
      const { latency } = door;
      door.latency = (span) => {
        looks += 1;
        return latency(span);
      };
    }
    await world.clock.advance(60_000);
    expect(looks).toBe(0);
  });

  test('by the end of its terminal', async () => {
    expect(
      (await drill([name, look, approve, type(/Which region is active now/, null)])).code,
    ).toBe(4);
    expect(await aborted()).toMatchObject({
      source: 'terminal',
      outcome: 'aborted',
      active: 'east',
    });
  });

  test('before the point of no return the way there is undone, and nothing was moved', async () => {
    let typed = () => {};
    // A step waits for typed input, so that the run stops where it can still be undone.
    const fenced = new Promise<void>((resolve) => {
      typed = resolve;
    });
    world.east.before = async (command) => {
      if (command === 'checkpoint') await fenced;
    };
    const stop = type(/run_/, 'abort now', {
      afterMs: 10_000,
      also: () => void world.clock.sleep(5_000).then(typed),
    });
    const { code } = await drill([name, look, approve, stop]);
    expect(code).toBe(4);
    expect(await aborted()).toEqual({
      source: 'person',
      reason: 'now',
      outcome: 'aborted',
      active: 'east',
    });
    const [only] = await held();
    expect(only?.runs.map(({ leg }) => leg)).toEqual(['there']);
    expect((await world.newestRun()).status).toBe('undone');
  });

  test('and says so when it cannot come back', async () => {
    const broken = {
      ...verify,
      also: () => {
        health = { failed: 50 };
        world.east.streaming = false;
        world.east.role = 'stopped';
      },
    };
    const { code } = await drill([name, look, approve, broken]);
    expect(code).toBe(5);
    expect(await aborted()).toMatchObject({ outcome: 'not-back', active: 'west' });
    expect((await findings()).map(({ source }) => source)).toContain('not-back');
    expect((await report()).verdict).toBe('not-met');
  });
});

describe('a drill whose terminal is gone', () => {
  /** The records of a drill whose terminal died in the soak. */
  const abandoned = async () => {
    const { status, runId } = await world.run('switchover');
    expect(status).toBe('succeeded');
    const { records } = session.parts;
    const drill = { due: '2026-01-13', kind: 'switchover-and-back', shadow: null, overrides: [] };
    const driver = 'ana@example.com';
    const legs = { from: 'east', to: 'west' };
    await records.append('drill', driver, { event: 'started', driver, ...drill, ...legs });
    await records.append('drill', driver, { event: 'run', drill: 'D1', leg: 'there', runId });
  };

  test('is taken back by another terminal', async () => {
    await abandoned();
    const report = await asked<DrillReport>((context) =>
      drillAbort.run(context, { reason: 'the laptop died', takeover: true, as: 'bo' }),
    );
    expect(report.drill.ended).toMatchObject({ outcome: 'aborted', reason: 'the laptop died' });
    expect(report.legs.map(({ leg, status }) => [leg, status])).toEqual([
      ['there', 'succeeded'],
      ['back', 'succeeded'],
    ]);
    expect(await active()).toBe('east');
    expect((await findings()).map(({ source }) => source)).toEqual(['aborted']);
  });

  test('is only asked for, and left alone, without --takeover', async () => {
    await abandoned();
    await asked((context) =>
      drillAbort.run(context, { reason: 'the laptop died', takeover: false, as: 'bo' }),
    );
    const [only] = await held();
    expect(only?.ended).toBeNull();
    expect(await active()).toBe('west');
  });
});

describe('it does not begin', () => {
  const refused = async (options: { override?: string[] } = {}) => {
    const { code, text } = await drill(whole, options);
    return { code, text };
  };

  test('outside of a window, or before it is due; each said by its name', async () => {
    await world.clock.advance(6 * 3_600_000);
    const { code, text } = await refused();
    expect(code).toBe('drill-refused');
    expect(text).toContain('✗ window: Tue 2026-01-13 16:30 (UTC) is in no window');
    expect(text).toContain('✗ due: the next drill is planned for: Wed 2026-01-14 10:00');
    expect(await held()).toEqual([]);
  });

  test('on a blocked date', async () => {
    await set(drills('  blocked: [{ from: 2026-01-13, until: 2026-01-13, why: release freeze }]'));
    expect((await refused()).text).toContain(
      '✗ blocked: Tue 2026-01-13 10:30 is blocked: release freeze',
    );
  });

  test('while an alarm rings, or nobody knows whether it does', async () => {
    await set(drills('  alarms: [{ name: errors, prometheus: "http://p", query: up, above: 1 }]'));
    const { drills: sources } = session.parts;
    let values: readonly number[] | null = [0, 3];
    Object.assign(sources, {
      series: async () => {
        if (values !== null) return values;
        const { drillErrors } = await import('../../drills/errors.ts');
        throw drillErrors.make('alarm-away', 'no answer');
      },
    });
    expect((await refused()).text).toContain('✗ alarms: errors rings: 3, above 1');
    values = null;
    expect((await refused()).text).toContain('✗ alarms: errors is unknown: no answer');
    values = [1];
    expect((await refused()).code).toBe(0);
  });

  test('while a part is not well', async () => {
    world.west.streaming = false;
    expect((await refused()).text).toContain('✗ plan: standby-not-ready: west');
    expect(await held()).toEqual([]);
  });

  test('an override by name is accepted, and becomes a finding', async () => {
    await set(drills('  blocked: [{ from: 2026-01-13, until: 2026-01-13, why: release freeze }]'));
    expect((await refused({ override: ['blocked'] })).code).toBe('drill-refused');
    expect((await refused({ override: ['blocked', 'due'] })).code).toBe(0);
    expect((await findings()).map(({ text }) => text)).toEqual([
      'blocked was overridden: Tue 2026-01-13 10:30 is blocked: release freeze',
      'due was overridden: the next drill is planned for: Wed 2026-01-14 10:00',
    ]);
  });

  test('without the name of its driver; an expert cannot take it', async () => {
    const { code, text } = await drill([
      type(/Type your name/, 'cy'),
      type(/is not it/, 'hand cy'),
      type(/can take over/, null),
    ]);
    expect(code).toBe('not-confirmed');
    expect(text).toContain('Nobody of that name can take over: "cy".');
    expect(await held()).toEqual([]);
  });

  test('while another goes on', async () => {
    const second = {
      ...verify,
      also: async () => {
        const again = handsOn(world.clock, []);
        const context = {
          session,
          terminal: again.terminal,
          output: outputOf(again.terminal, false),
        };
        await expect(
          drillStart.run(context, { override: [], to: undefined }),
        ).rejects.toMatchObject({
          code: 'drill-open',
        });
      },
    };
    expect((await drill([name, look, approve, second, home])).code).toBe(0);
    expect(await held()).toHaveLength(1);
  });
});
