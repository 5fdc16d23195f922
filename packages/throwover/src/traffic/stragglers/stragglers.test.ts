import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock, TimeScale } from '../../kernel/kernel.ts';
import { BeaconLog, beaconNonce, joinBeacons, newestBeacons } from './beacons.ts';
import { causeReader, type SurveyedResolver } from './causes.ts';
import { Connections } from './connections.ts';
import { settledLifeMs, stragglerCurve } from './curve.ts';
import { Histogram } from './histogram.ts';
import { StragglerMeter } from './meter.ts';
import { networkOf, originReader } from './origin.ts';

let nowMs = 0;
const clock = { ...systemClock, wallMs: () => 1_000_000 + nowMs, monotonicMs: () => nowMs };
beforeEach(() => {
  nowMs = 0;
});

function request(address: string, headers: Record<string, string> = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: address });
  const req = new IncomingMessage(socket);
  Object.assign(req.headers, headers);
  return req;
}

describe('where a request comes from', () => {
  test('is a network, never an address', () => {
    expect(networkOf('192.0.2.77')).toBe('192.0.2.0/24');
    expect(networkOf('::ffff:192.0.2.77')).toBe('192.0.2.0/24');
    expect(networkOf('2001:db8:1:2:3::4')).toBe('2001:db8:1::/48');
    expect(networkOf('no address')).toBe('unknown');
  });

  test('X-Forwarded-For is believed from a trusted proxy alone, and from its own end', () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.0.0.2' };
    const plain = originReader([]);
    expect(plain(request('10.0.0.1', forwarded)).network).toBe('10.0.0.0/24');
    const behind = originReader(['10.0.0.0/8']);
    expect(behind(request('10.0.0.1', forwarded)).network).toBe('198.51.100.0/24');
    expect(behind(request('192.0.2.1', forwarded)).network).toBe('192.0.2.0/24');
    const made = { 'x-forwarded-for': 'nonsense, 10.0.0.2' };
    expect(behind(request('10.0.0.1', made)).network).toBe('10.0.0.0/24');
  });

  test('the product of a user agent without its version', () => {
    const read = originReader([]);
    const agent = (header: string) => read(request('192.0.2.1', { 'user-agent': header })).agent;
    expect(agent('Java-http-client/21.0.1')).toBe('Java-http-client');
    expect(agent('Mozilla/5.0 (X11; Linux)')).toBe('Mozilla');
    expect(agent('x'.repeat(500))).toHaveLength(40);
    expect(read(request('192.0.2.1')).agent).toBe('unknown');
  });
});

test('a histogram: quantiles at most 5 % too high, and what is above', () => {
  const histogram = new Histogram();
  expect(histogram.quantile(0.5)).toBeNull();
  for (let ms = 1; ms <= 1_000; ms++) histogram.add(ms);
  for (const q of [0.5, 0.9, 0.99]) {
    const ratio = (histogram.quantile(q) ?? 0) / (q * 1_000);
    expect(ratio).toBeGreaterThanOrEqual(1);
    expect(ratio).toBeLessThanOrEqual(1.05);
  }
  expect(histogram.above(500)).toBeGreaterThan(470);
  expect(histogram.above(500)).toBeLessThanOrEqual(500);
});

test('connections: open ones with their ages, and the share of requests on old ones', () => {
  const connections = new Connections(clock);
  const [old, young] = [request('192.0.2.1'), request('192.0.2.2')];
  connections.request(old);
  nowMs = 50_000;
  expect(connections.request(old)).toBe(0);
  expect(connections.request(young)).toBe(50_000);
  expect(connections.report(10_000)).toMatchObject({
    open: 2,
    agesMs: [0, 50_000],
    requests: 3,
    requestsOnOldShare: 1 / 3,
  });
  old.socket.emit('close');
  nowMs = 300_000;
  expect(connections.report(10_000)).toMatchObject({
    open: 1,
    requests: 0,
    requestsOnOldShare: null,
  });
});

describe('a meter', () => {
  const origin = { network: '192.0.2.0/24', agent: 'curl' };

  test('tells connections from before apart, by time and by network', () => {
    const meter = new StragglerMeter({ clock, bucketMs: 1_000 });
    meter.begin(1, 'serve', 1_000_000);
    meter.direct();
    nowMs = 5_000;
    meter.begin(2, 'forward', 1_005_000);
    meter.straggler(origin, { openedMs: 4_000, arrivedMs: 5_000 });
    nowMs = 6_500;
    meter.straggler(origin, { openedMs: 6_400, arrivedMs: 6_500 });
    meter.straggler({ network: 'unknown', agent: 'curl' }, { openedMs: 6_400, arrivedMs: 6_500 });
    meter.added(12);
    expect(meter.report(1)).toMatchObject([
      { epoch: 1, role: 'serve', direct: [[1_000, 1]], cells: [] },
      {
        epoch: 2,
        role: 'forward',
        networks: ['192.0.2.0/24', 'unknown'],
        cells: [
          [1_005, 0, 1, 0],
          [1_006, 0, 0, 1],
          [1_006, 1, 0, 1],
        ],
        agents: [{ agent: 'curl', requests: 3 }],
        addedMs: { count: 1 },
      },
    ]);
    expect(meter.report(2)).toHaveLength(1);
    // After a hold the counting continues where it was.
    meter.begin(2, 'forward', 1_005_000);
    expect(meter.report(2)[0]?.cells).toHaveLength(3);
  });

  test('counts a request that was held at its arrival, among those before the flip', () => {
    nowMs = 3_000;
    const meter = new StragglerMeter({ clock, bucketMs: 1_000 });
    nowMs = 9_000;
    meter.begin(2, 'forward', 1_009_000);
    meter.straggler(origin, { openedMs: 7_000, arrivedMs: 7_100 });
    meter.straggler(origin, { openedMs: 8_900, arrivedMs: 9_000 });
    expect(meter.report(2)[0]?.cells).toEqual([
      [1_007, 0, 1, 0],
      [1_009, 0, 1, 0],
    ]);
  });

  test('stays bounded: epochs, networks, agents, cells, time', () => {
    const meter = new StragglerMeter({ clock, bucketMs: 10 });
    for (let epoch = 1; epoch <= 9; epoch++) meter.begin(epoch, 'forward', clock.wallMs());
    for (let n = 0; n < 60_000; n++) {
      nowMs += 1;
      meter.straggler(
        { network: `${n % 700}`, agent: `${n % 100}` },
        { openedMs: -1, arrivedMs: nowMs },
      );
    }
    nowMs = 80_000;
    meter.straggler(origin, { openedMs: 0, arrivedMs: nowMs });
    const reports = meter.report(0);
    expect(reports.map(({ epoch }) => epoch)).toEqual([6, 7, 8, 9]);
    const last = reports.at(-1);
    expect(last?.networks).toHaveLength(513);
    expect(last?.agents).toHaveLength(65);
    expect(last?.cells.length).toBeLessThan(27_000);
    expect(last?.cells.reduce((sum, [, , pinned]) => sum + pinned, 0)).toBe(60_000);
    expect(last?.late).toEqual({ direct: 0, stragglers: 1 });
  });
});

describe('beacons', () => {
  test('only a label below the path is one', () => {
    expect(beaconNonce('/.well-known/throwover-beacon/a1-b2')).toBe('a1-b2');
    for (const url of [
      '/',
      '/.well-known/throwover-beacon/',
      '/.well-known/throwover-beacon/a/b',
    ]) {
      expect(beaconNonce(url)).toBeNull();
    }
  });

  test('join network and resolver by the minute; what one side alone saw says nothing', () => {
    const log = new BeaconLog(clock);
    log.add('a', '192.0.2.0/24');
    log.add('a', '198.51.100.0/24');
    log.add('b', '192.0.2.0/24');
    log.add('c', '192.0.2.0/24');
    nowMs = 60_000;
    log.add('d', '192.0.2.0/24');
    const seen = new Map([
      ['a', '203.0.113.53'],
      ['b', '203.0.113.53'],
      ['d', '203.0.113.53'],
      ['e', '203.0.113.53'],
    ]);
    expect(joinBeacons(log.since(0), seen).map(({ network, count }) => [network, count])).toEqual([
      ['192.0.2.0/24', 2],
      ['192.0.2.0/24', 1],
    ]);
    nowMs = 700_000;
    expect(log.since(0)).toEqual([]);
  });
});

const resolver = (
  identity: string | null,
  behaviour: string,
  clampLifeSeconds: number | null = null,
): SurveyedResolver => ({ identity, behaviour, clampLifeSeconds, holdoversLifeMs: [1, 2, 3] });

const beacon = (network: string, identity: string) => ({
  fromWallMs: 0,
  toWallMs: 60_000,
  network,
  resolver: identity,
  count: 1,
});

describe('the cause of a straggler on a new connection', () => {
  const knowledge = {
    resolvers: [resolver('honest', 'honest'), resolver('clamped', 'clamps-minimum', 300)],
    beacons: [beacon('a', 'honest'), beacon('b', 'clamped'), beacon('c', 'never surveyed')],
  };
  const causeOf = causeReader(knowledge, 60);

  test('is the resolver while it may give the old answer, then the runtime', () => {
    expect(causeOf('a', 30_000)).toBe('resolver-tail');
    expect(causeOf('a', 70_000)).toBe('runtime-cache');
    expect(causeOf('b', 290_000)).toBe('resolver-tail');
    expect(causeOf('b', 330_000)).toBe('runtime-cache');
  });

  test('is unknown where the resolver was never surveyed, or is one of several that differ', () => {
    expect(causeOf('c', 30_000)).toBe('unknown');
    expect(causeOf('no beacon', 30_000)).toBe('resolver-tail');
    expect(causeOf('no beacon', 100_000)).toBe('unknown');
    expect(causeOf('no beacon', 400_000)).toBe('runtime-cache');
    expect(causeReader({ resolvers: [], beacons: [] }, 60)('a', 1)).toBe('unknown');
  });
});

describe('the curve of a run', () => {
  const report = (role: 'serve' | 'forward') => ({
    epoch: 2,
    role,
    sinceWallMs: 0,
    countedFromWallMs: 0,
    bucketMs: 1_000,
    direct: [] as [number, number][],
    networks: ['a'],
    cells: [] as [number, number, number, number][],
    agents: [],
    late: { direct: 0, stragglers: 0 },
    addedMs: null,
  });

  /**
   * 100 requests per second; half still go to the old region for 10 s after the flip at 5 s, a
   * tenth for 20 s.
   */
  function world(untilMs: number) {
    const [old, next] = [report('forward'), report('serve')];
    for (let second = 0; second * 1_000 < untilMs; second++) {
      const stale = second < 5 ? 100 : second < 15 ? 50 : second < 25 ? 10 : 0;
      if (stale > 0) old.cells.push([second, 0, second < 7 ? stale : 0, second < 7 ? 0 : stale]);
      if (stale < 100) next.direct.push([second, 100 - stale]);
    }
    const knowledge = { resolvers: [resolver('r', 'clamps-minimum', 900)], beacons: [] };
    const fixed = { flippedWallMs: 5_000, ttlSeconds: 60, timeScale: new TimeScale(60), knowledge };
    return stragglerCurve({ old, next, untilWallMs: untilMs, ...fixed });
  }

  test('says when each share reaches the active region, in life time, and by which cause not', () => {
    const curve = world(60_000);
    expect(curve).toMatchObject({
      t50LifeMs: 0,
      t90LifeMs: 600_000,
      t99LifeMs: 1_200_000,
      residualShare: 0,
      drained: true,
    });
    const sum = (cause: 'pinned-connection' | 'resolver-tail' | 'runtime-cache') =>
      curve.points.at(-1)?.byCause[cause];
    // The resolver keeps answers 900 s: a client that arrives later kept the answer itself.
    expect(sum('pinned-connection')).toBe(100);
    expect([sum('resolver-tail'), sum('runtime-cache')]).toEqual([450, 50]);
    expect(curve.points.at(-1)?.requests).toBe(5_500);
  });

  test('is not drained before a window is clean, and has no time for a share that was not reached', () => {
    expect(world(27_000)).toMatchObject({ drained: false });
    expect(world(20_000)).toMatchObject({ t90LifeMs: 600_000, t99LifeMs: null, drained: false });
    expect(world(5_000)).toMatchObject({ t50LifeMs: null, drained: false, points: [] });
  });

  test('one late straggler among thousands does not make a late time', () => {
    const points = Array.from({ length: 100 }, (_, n) => ({
      sinceFlipLifeMs: (n + 1) * 1_000,
      requests: 20,
      stragglers: n < 10 ? 10 : n === 80 ? 1 : 0,
    }));
    expect(settledLifeMs(points, 0.9)).toBe(10_000);
    expect(settledLifeMs(points, 0.99)).toBe(10_000);
  });
});

describe('who stands behind which resolver now', () => {
  const minute = (minutesAgo: number, count: number) => {
    const toWallMs = 10_000_000_000 - minutesAgo * 60_000;
    return { fromWallMs: toWallMs - 60_000, toWallMs, count };
  };
  const sinceWallMs = 10_000_000_000 - 600_000;
  const fresh = [minute(0, 150), minute(9, 100)];

  test('is told by the last ten minutes where they hold enough', () => {
    expect(newestBeacons([minute(11, 900), ...fresh], sinceWallMs)).toEqual(fresh);
  });

  test('else by whole minutes before them, until there are 200', () => {
    const few = [minute(0, 50), minute(30, 100), minute(30, 90), minute(30, 5), minute(40, 5)];
    expect(newestBeacons(few.toReversed(), sinceWallMs)).toHaveLength(4);
  });
});
