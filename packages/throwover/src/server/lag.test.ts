import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Position, positionOf } from '@throwover/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatabaseSide } from '../authority/database-side.ts';
import type { DatabaseStatus } from '../authority/messages.ts';
import { type Clock, ThrowoverError } from '../kernel/kernel.ts';
import { createVirtualClock } from '../kernel/virtual-clock.fixture.ts';
import { inTurn } from './in-turn.ts';
import { type LagLog, openLagLog } from './lag-log.ts';
import { sampleOnce, watchLag } from './lag-watch.ts';

/** A look must not fail in these tests. */
const failed = (error: unknown) => expect.unreachable(String(error));

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** A virtual clock whose wall time can be set. */
function settableClock() {
  const clock = createVirtualClock();
  const state = { byMs: 0 };
  return {
    ...clock,
    wallMs: () => clock.wallMs() + state.byMs,
    set: (byMs: number) => {
      state.byMs += byMs;
    },
  };
}

let dir: string;
let clock: ReturnType<typeof settableClock>;
let log: LagLog;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-lag-'));
  clock = settableClock();
  log = openLagLog(dir, clock);
});
afterEach(async () => {
  log.close();
  await rm(dir, { recursive: true });
});

const direction = { service: 'checkout', from: 'east', to: 'west' };
const at = (lsn: string): Position => positionOf(1, lsn);
const away = new ThrowoverError(
  'database-unreachable',
  { disposition: 'retry', notLost: '', remedy: '' },
  'no answer',
);

function side(region: string, look: () => Partial<DatabaseStatus> | null): DatabaseSide {
  const status = async () => {
    const seen = look();
    if (seen === null) throw away;
    return { region, closed: null, known: { epoch: 1, active: 'east' }, standby: null, ...seen };
  };
  return { region, status } as unknown as DatabaseSide;
}

function add(lagMs: number | null, wallMs = clock.wallMs()): void {
  log.sample(direction, { wallMs, lagMs, heartbeatMs: lagMs, bytes: 10 });
}

async function reported() {
  const [report] = await log.reports('checkout');
  return report?.lag ?? null;
}

/** The state after a restart. */
function reopen(): void {
  log.close();
  log = openLagLog(dir, clock);
}

describe('what is sampled', () => {
  const standby = (lagMs: number | null) => ({ lagMs, lagBytes: 0, state: 'streaming' });

  it('time without a primary is no lag, and a sight of the primary is kept', async () => {
    let east: Partial<DatabaseStatus> | null = {
      role: 'primary',
      position: at('0/10'),
      standby: standby(20),
    };
    const west: Partial<DatabaseStatus> = { role: 'standby', position: at('0/10') };
    const sides = [side('east', () => east), side('west', () => west)];
    const options = { service: 'checkout', sides, log, clock };
    await sampleOnce(options);
    const startMs = clock.wallMs();
    east = null;
    for (let second = 0; second < 780; second += 60) {
      await clock.advance(60_000);
      await sampleOnce(options);
    }
    // East is back after a stop: closed to the application, it is not a primary that counts.
    east = { role: 'primary', position: at('0/20'), closed: { by: 'start' } };
    await clock.advance(60_000);
    await sampleOnce(options);

    expect(log.sightings('checkout', 'east')).toEqual([
      { wallMs: startMs, position: at('0/10'), by: 'the store' },
    ]);
    expect(await reported()).toMatchObject({ count: 1, max: 20, unknown: 14 });
  });

  it('goes by the standby while it streams, and by position when it does not', async () => {
    let position = at('0/10');
    let lagMs: number | null = 7;
    const east = () => ({ role: 'primary', position, standby: standby(lagMs) }) as const;
    const west = () => ({ role: 'standby', position: at('0/10') }) as const;
    const options = { service: 'checkout', sides: [side('east', east), side('west', west)] };
    await sampleOnce({ ...options, log, clock });
    position = at('0/20');
    lagMs = null;
    await clock.advance(3_000);
    await sampleOnce({ ...options, log, clock });
    // Set forward by an hour: still three seconds and one more.
    clock.set(hourMs);
    await clock.advance(1_000);
    await sampleOnce({ ...options, log, clock });
    const [report] = await log.reports('checkout');
    expect(report?.lag).toMatchObject({ count: 3, max: 4_000 });
    expect(report?.heartbeat).toMatchObject({ count: 1, max: 7, unknown: 2 });
  });

  it('sees no primary while two say that they are it', async () => {
    const primary = () => ({ role: 'primary', position: at('0/10') }) as const;
    const sides = [side('east', primary), side('west', primary)];
    await sampleOnce({ service: 'checkout', sides, log, clock });
    expect(log.sightings('checkout', 'east')).toEqual([]);
  });

  it('each service has its own moment of the second, and keeps it', async () => {
    const asked = new Map<string, number[]>();
    const stop = new AbortController();
    const watch = (index: number, watched: Clock) => {
      const moments: number[] = [];
      asked.set(`service ${index}`, moments);
      const east = side('east', () => {
        moments.push(watched.monotonicMs());
        return { role: 'primary', position: at('0/10') };
      });
      const turn = { index, count: 50, clock: watched, signal: stop.signal };
      return inTurn(turn, 1_000, () =>
        watchLag({
          service: `service ${index}`,
          sides: [east],
          log,
          clock: watched,
          signal: stop.signal,
          failed,
        }),
      );
    };
    const loops = Array.from({ length: 50 }, (_, index) => watch(index, clock));
    await clock.advance(60_000);
    stop.abort();
    await Promise.all(loops);
    const phases = [...asked.values()].map((moments) => {
      const own = new Set(moments.map((ms) => Math.round(ms) % 1_000));
      expect(own.size).toBe(1);
      expect(moments.length).toBeGreaterThanOrEqual(59);
      return [...own][0];
    });
    expect(new Set(phases).size).toBe(50);
  });
});

describe('what is kept', () => {
  it('tells the same after a restart: counts, the worst and its time exactly, the newest by its own time', async () => {
    await clock.advance(17 * hourMs);
    for (let second = 0; second < 2.5 * 3_600; second++) {
      add(second === 4_321 ? 5_000 : 1 + (second % 40));
      await clock.advance(1_000);
    }
    const before = await reported();
    expect(before).toMatchObject({ count: 9_000, max: 5_000, ageMs: 1_000 });
    expect(before?.worstWallMs).toBe(clock.wallMs() - (9_000 - 4_321) * 1_000);
    reopen();
    expect(await reported()).toEqual(before);
    // Again in the same minute: it is added to, not replaced.
    add(9_000);
    reopen();
    expect(await reported()).toMatchObject({ count: 9_001, max: 9_000, ageMs: 0 });
  });

  it('a month of samples is told whole, and few rows stand on disk', async () => {
    let count = 0;
    for (let tenth = 0; tenth < 33 * 144; tenth++) {
      add(5 + (tenth % 10));
      add(tenth === 0 ? 60_000 : 6);
      count += 2;
      await clock.advance(10 * minuteMs);
    }
    const told = await reported();
    // The 30 days before today, and today; the spike of the first day is out of sight.
    const since = Math.floor(clock.wallMs() / dayMs) * dayMs - 30 * dayMs;
    const shown = Math.floor((clock.wallMs() - since) / (10 * minuteMs)) * 2;
    expect(told).toMatchObject({ count: shown, max: 14 });
    expect(shown).toBeLessThan(count);
    log.close();
    const db = new DatabaseSync(join(dir, 'lag.sqlite'));
    const rows = db.prepare('SELECT count(*) AS count FROM spans').get()?.['count'];
    db.close();
    expect(rows).toBeLessThanOrEqual(33 + 24 + 60);
    log = openLagLog(dir, clock);
    expect(await reported()).toEqual(told);
  });

  it('a clock that is set back an hour, forward a day and back again loses no sample', async () => {
    await clock.advance(10 * dayMs);
    let count = 0;
    const minutes = async (many: number) => {
      for (let minute = 0; minute < many; minute++) {
        add(5);
        count += 1;
        await clock.advance(minuteMs);
      }
    };
    await minutes(90);
    clock.set(-hourMs);
    await minutes(90);
    clock.set(40 * dayMs);
    await minutes(5);
    clock.set(-40 * dayMs);
    await minutes(90);
    const told = await reported();
    expect(told).toMatchObject({ count, max: 5 });
    expect(told?.ageMs).toBeGreaterThanOrEqual(0);
    reopen();
    expect(await reported()).toMatchObject({ count, max: 5 });
  });

  it('a minute without a sample is no sample, and nothing is known of what was never sampled', async () => {
    add(5);
    await clock.advance(10 * minuteMs);
    add(7);
    expect(await reported()).toMatchObject({ count: 2, unknown: 0, spanMs: 10 * minuteMs });
    expect(await log.reports('billing')).toEqual([]);
    await clock.advance(32 * dayMs);
    expect(await log.reports('checkout')).toEqual([]);
  });

  it('ten minutes of sightings are there after a restart, and no more', () => {
    for (let second = 0; second < 1_900; second++) {
      const position = at('0/10');
      log.see('checkout', 'east', { wallMs: second * 1_000, position, by: 'the store' });
    }
    const newest = log.sightings('checkout', 'east');
    reopen();
    const kept = log.sightings('checkout', 'east');
    expect(kept).toEqual(newest);
    expect([kept.length, kept[0]?.wallMs]).toEqual([600, 1_899_000]);
  });
});
