import { askCalm, askFull, type CalmRun, type FullRun } from './dns/perf.ts';
import { startDnsGround } from './dns/servers.ts';
import { type Spread, spread, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';

const defaultRounds = { quick: 3, full: 7 } as const;

/** Duration of one measurement, s. */
const seconds = { quick: 1, full: 4 } as const;

/**
 * Rate at which latency is measured, queries/s: all servers can handle it on two cores that dnsperf
 * shares.
 */
const calmRate = 2_000;

const ours = 'throwover canary';

interface Samples {
  readonly full: FullRun[];
  readonly calm: CalmRun[];
}

/**
 * Compares the canary server with Knot and NSD with a similar zone: one thread each, dnsperf on the
 * same machine, in turns.
 */
export async function benchDns({ quick, rounds, only, say }: BenchOptions) {
  const size = quick ? 'quick' : 'full';
  const ground = await startDnsGround(say);
  try {
    const servers = ground.servers.filter(({ name }) => only === null || only.includes(name));
    const samples = new Map<string, Samples>(
      servers.map(({ name }) => [name, { full: [], calm: [] }]),
    );
    // The first round is discarded: compilers warm up.
    for (let round = -1; round < (rounds ?? defaultRounds[size]); round++) {
      for (const { name, port } of servers) {
        const ask = { port, queries: ground.queries, seconds: seconds[size] };
        const full = await askFull(ask);
        const calm = await askCalm({ ...ask, perSecond: calmRate });
        const own = samples.get(name);
        if (round < 0 || own === undefined) continue;
        own.full.push(full);
        own.calm.push(calm);
      }
    }
    const figures = figuresOf(samples);
    for (const line of linesOf(figures)) say(line);
    return figures;
  } finally {
    await ground.close();
  }
}

function figuresOf(samples: ReadonlyMap<string, Samples>) {
  const each = <T>(of: (one: Samples) => T): Readonly<Record<string, T>> =>
    Object.fromEntries([...samples].map(([name, one]) => [name, of(one)]));
  const queriesPerSecond = each(({ full }) => spread(full.map((one) => one.queriesPerSecond)));
  const own = queriesPerSecond[ours]?.median;
  return {
    bench: 'dns',
    calmRatePerSecond: calmRate,
    queriesPerSecond,
    p50Ms: each(({ calm }) => spread(calm.map(({ p50Ms }) => p50Ms))),
    p99Ms: each(({ calm }) => spread(calm.map(({ p99Ms }) => p99Ms))),
    answersAtCalmRate: each(({ calm }) => calm.reduce((sum, { answers }) => sum + answers, 0)),
    lost: each(({ full, calm }) => [...full, ...calm].reduce((sum, { lost }) => sum + lost, 0)),
    /** Our medians divided by the other server's. */
    throughputRatios: Object.fromEntries(
      Object.entries(queriesPerSecond).flatMap(([name, { median }]) =>
        own === undefined || name === ours ? [] : [[name, own / median]],
      ),
    ),
  };
}

function linesOf(figures: ReturnType<typeof figuresOf>): readonly string[] {
  const { queriesPerSecond, p50Ms, p99Ms, lost } = figures;
  const text = (spreads: Readonly<Record<string, Spread>>, name: string, digits: number) => {
    const one = spreads[name];
    return one === undefined ? '-' : spreadText(one, digits);
  };
  const count = Object.values(queriesPerSecond)[0]?.count ?? 0;
  return [
    `${count} rounds, min / median / max`,
    ...table([
      ['', 'queries/s', `p50 ms at ${calmRate}/s`, `p99 ms at ${calmRate}/s`, 'lost'],
      ...Object.keys(queriesPerSecond).map((name) => [
        name,
        text(queriesPerSecond, name, 0),
        text(p50Ms, name, 2),
        text(p99Ms, name, 2),
        String(lost[name] ?? 0),
      ]),
    ]),
  ];
}
