import { startGround } from './edge/proxies.ts';
import { type Spread, spread, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';

const defaultRounds = { quick: 5, full: 11 } as const;

/** Duration of one measurement, ms. */
const durationMs = { quick: 350, full: 1_000 } as const;

/** Number of clients at once. */
const connections = 32;

/** Rate at which latency is measured, requests/s: all proxies can handle it on two cores. */
const calmRate = 500;

/**
 * kept: clients keep their connections, and so does the proxy to its upstream. closed: the proxy
 * closes each client's connection, like a door that sends stragglers away.
 */
const modes = ['kept', 'closed'] as const;

interface ModeFigures {
  readonly mode: (typeof modes)[number];
  readonly rounds: number;
  /** As fast as answers come, 32 clients. */
  readonly requestsPerSecond: Readonly<Record<string, Spread>>;
  readonly saturatedP99Ms: Readonly<Record<string, Spread>>;
  /** At 500 requests/s, counted from the due time of each request. */
  readonly p50Ms: Readonly<Record<string, Spread>>;
  readonly p99Ms: Readonly<Record<string, Spread>>;
  readonly failed: Readonly<Record<string, number>>;
  /** Medians of `throwover edge` divided by the other proxy's. */
  readonly throughputRatios: Readonly<Record<string, number>>;
}

/**
 * Compares the forwarder with nginx and HAProxy as reverse proxies in front of the same upstream,
 * one process each, in turns.
 */
export async function benchEdge({ quick, rounds, only, say }: BenchOptions) {
  const size = quick ? 'quick' : 'full';
  const ground = await startGround(say);
  try {
    const contenders = ground.contenders.filter(({ name }) => only === null || only.includes(name));
    const measured: ModeFigures[] = [];
    for (const mode of modes) {
      const samples = new Map(contenders.map(({ name }) => [name, emptySamples()]));
      // The first round is discarded: compilers and connection pools warm up.
      for (let round = -1; round < (rounds ?? defaultRounds[size]); round++) {
        for (const { name, keepAlivePort, closePort } of contenders) {
          const port = mode === 'kept' ? keepAlivePort : closePort;
          const command = {
            port,
            connections,
            close: mode === 'closed',
            durationMs: durationMs[size],
          };
          const full = await ground.load({ ...command, ratePerSecond: null });
          const calm = await ground.load({ ...command, ratePerSecond: calmRate });
          const own = samples.get(name);
          if (round < 0 || own === undefined) continue;
          own.rate.push(full.requestsPerSecond);
          own.saturated.push(full.p99Ms);
          own.p50.push(calm.p50Ms);
          own.p99.push(calm.p99Ms);
          own.failed += full.failed + calm.failed;
        }
      }
      measured.push(figuresOf(mode, samples));
      for (const line of linesOf(measured.at(-1))) say(line);
    }
    return { bench: 'edge', connections, calmRatePerSecond: calmRate, modes: measured };
  } finally {
    await ground.close();
  }
}

interface Samples {
  readonly rate: number[];
  readonly saturated: number[];
  readonly p50: number[];
  readonly p99: number[];
  failed: number;
}

const emptySamples = (): Samples => ({ rate: [], saturated: [], p50: [], p99: [], failed: 0 });

function figuresOf(mode: ModeFigures['mode'], samples: ReadonlyMap<string, Samples>): ModeFigures {
  const each = <T>(of: (one: Samples) => T) =>
    Object.fromEntries([...samples].map(([name, one]) => [name, of(one)]));
  const requestsPerSecond = each(({ rate }) => spread(rate));
  const own = requestsPerSecond['throwover edge']?.median;
  return {
    mode,
    rounds: Math.max(...[...samples.values()].map(({ rate }) => rate.length)),
    requestsPerSecond,
    saturatedP99Ms: each(({ saturated }) => spread(saturated)),
    p50Ms: each(({ p50 }) => spread(p50)),
    p99Ms: each(({ p99 }) => spread(p99)),
    failed: each(({ failed }) => failed),
    throughputRatios: Object.fromEntries(
      Object.entries(requestsPerSecond).flatMap(([name, { median }]) =>
        own === undefined || name === 'throwover edge' ? [] : [[name, own / median]],
      ),
    ),
  };
}

function linesOf(figures: ModeFigures | undefined): readonly string[] {
  if (figures === undefined) return [];
  const names = Object.keys(figures.requestsPerSecond);
  const text = (spreads: Readonly<Record<string, Spread>>, name: string, digits: number) => {
    const one = spreads[name];
    return one === undefined ? '-' : spreadText(one, digits);
  };
  return [
    `connections ${figures.mode}, ${figures.rounds} rounds, min / median / max`,
    ...table([
      ['', 'requests/s', `p50 ms at ${calmRate}/s`, `p99 ms at ${calmRate}/s`, 'failed'],
      ...names.map((name) => [
        name,
        text(figures.requestsPerSecond, name, 0),
        text(figures.p50Ms, name, 2),
        text(figures.p99Ms, name, 2),
        String(figures.failed[name] ?? 0),
      ]),
    ]),
  ];
}
