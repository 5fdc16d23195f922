import type { LoadFigures } from './edge/load.ts';
import { startGround } from './edge/proxies.ts';
import { spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { type Measured, playRounds, ratiosTo, roundsIn, spreads, totals } from './rounds.ts';
import { inScratch } from './scratch.ts';

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

type ModeFigures = ReturnType<typeof figuresOf>;

/**
 * Compares the forwarder with nginx and HAProxy as reverse proxies in front of the same upstream,
 * one process each, in turns.
 */
export function benchEdge({ quick, rounds, only, say }: BenchOptions) {
  const size = quick ? 'quick' : 'full';
  return inScratch('edge', async (scratch) => {
    const ground = await startGround(scratch, say);
    const contenders = ground.contenders.filter(({ name }) => only === null || only.includes(name));
    const measured: ModeFigures[] = [];
    for (const mode of modes) {
      const played = await playRounds(
        contenders,
        { rounds: rounds ?? defaultRounds[size], warmUp: true },
        async ({ keepAlivePort, closePort }): Promise<Round> => {
          const port = mode === 'kept' ? keepAlivePort : closePort;
          const close = mode === 'closed';
          const command = { port, connections, close, durationMs: durationMs[size] };
          const full = await ground.load({ ...command, ratePerSecond: null });
          return { full, calm: await ground.load({ ...command, ratePerSecond: calmRate }) };
        },
      );
      const figures = figuresOf(mode, played);
      measured.push(figures);
      for (const line of linesOf(figures)) say(line);
    }
    return { bench: 'edge', connections, calmRatePerSecond: calmRate, modes: measured };
  });
}

interface Round {
  /** As fast as answers come. */
  readonly full: LoadFigures;
  readonly calm: LoadFigures;
}

function figuresOf(mode: (typeof modes)[number], measured: Measured<Round>) {
  const requestsPerSecond = spreads(measured, ({ full }) => full.requestsPerSecond);
  return {
    mode,
    rounds: roundsIn(measured),
    /** As fast as answers come, 32 clients. */
    requestsPerSecond,
    saturatedP99Ms: spreads(measured, ({ full }) => full.p99Ms),
    /** At 500 requests/s, counted from the due time of each request. */
    p50Ms: spreads(measured, ({ calm }) => calm.p50Ms),
    p99Ms: spreads(measured, ({ calm }) => calm.p99Ms),
    failed: totals(measured, ({ full, calm }) => full.failed + calm.failed),
    /** Medians of `throwover edge` divided by the other proxy's. */
    throughputRatios: ratiosTo(requestsPerSecond['throwover edge'], requestsPerSecond),
  };
}

function linesOf(figures: ModeFigures): readonly string[] {
  return [
    `connections ${figures.mode}, ${figures.rounds} rounds, min / median / max`,
    ...table([
      ['', 'requests/s', `p50 ms at ${calmRate}/s`, `p99 ms at ${calmRate}/s`, 'failed'],
      ...Object.entries(figures.requestsPerSecond).map(([name, rate]) => [
        name,
        spreadText(rate),
        spreadText(figures.p50Ms[name], 2),
        spreadText(figures.p99Ms[name], 2),
        String(figures.failed[name] ?? 0),
      ]),
    ]),
  ];
}
