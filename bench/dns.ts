import { askCalm, askFull, type CalmRun, type FullRun } from './dns/perf.ts';
import { startDnsGround } from './dns/servers.ts';
import { spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { type Measured, playRounds, ratiosTo, spreads, totals } from './rounds.ts';
import { inScratch } from './scratch.ts';

const defaultRounds = { quick: 3, full: 7 } as const;

/** Duration of one measurement, s. */
const seconds = { quick: 1, full: 4 } as const;

/**
 * Rate at which latency is measured, queries/s: all servers can handle it on two cores that dnsperf
 * shares.
 */
const calmRate = 2_000;

interface Round {
  readonly full: FullRun;
  readonly calm: CalmRun;
}

/**
 * Compares the canary server with Knot and NSD with a similar zone: one thread each, dnsperf on the
 * same machine, in turns.
 */
export function benchDns({ quick, rounds, only, say }: BenchOptions) {
  const size = quick ? 'quick' : 'full';
  return inScratch('dns', async (scratch) => {
    const { servers, queries } = await startDnsGround(scratch, say);
    const measured = await playRounds(
      servers.filter(({ name }) => only === null || only.includes(name)),
      { rounds: rounds ?? defaultRounds[size], warmUp: true },
      async ({ port }): Promise<Round> => {
        const ask = { port, queries, seconds: seconds[size] };
        return { full: await askFull(ask), calm: await askCalm({ ...ask, perSecond: calmRate }) };
      },
    );
    const figures = figuresOf(measured);
    for (const line of linesOf(figures)) say(line);
    return figures;
  });
}

function figuresOf(measured: Measured<Round>) {
  const queriesPerSecond = spreads(measured, ({ full }) => full.queriesPerSecond);
  return {
    bench: 'dns',
    calmRatePerSecond: calmRate,
    queriesPerSecond,
    p50Ms: spreads(measured, ({ calm }) => calm.p50Ms),
    p99Ms: spreads(measured, ({ calm }) => calm.p99Ms),
    answersAtCalmRate: totals(measured, ({ calm }) => calm.answers),
    lost: totals(measured, ({ full, calm }) => full.lost + calm.lost),
    /** Our medians divided by the other server's. */
    throughputRatios: ratiosTo(queriesPerSecond['throwover canary'], queriesPerSecond),
  };
}

function linesOf(figures: ReturnType<typeof figuresOf>): readonly string[] {
  const { queriesPerSecond, p50Ms, p99Ms, lost } = figures;
  const count = Object.values(queriesPerSecond)[0]?.count ?? 0;
  return [
    `${count} rounds, min / median / max`,
    ...table([
      ['', 'queries/s', `p50 ms at ${calmRate}/s`, `p99 ms at ${calmRate}/s`, 'lost'],
      ...Object.entries(queriesPerSecond).map(([name, rate]) => [
        name,
        spreadText(rate),
        spreadText(p50Ms[name], 2),
        spreadText(p99Ms[name], 2),
        String(lost[name] ?? 0),
      ]),
    ]),
  ];
}
