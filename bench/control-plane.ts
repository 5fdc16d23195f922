import { join } from 'node:path';
import { systemClock } from 'throwover/kernel';
import { until } from '../packages/lab/src/world/json.ts';
import type { Child } from './child.ts';
import type { ProbeFigures } from './control-plane/probe.ts';
import { type RunningServe, startServe } from './control-plane/serve.ts';
import { writeThirtyDays } from './control-plane/thirty-days.ts';
import { type Spread, spread, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { type Measured, playRounds } from './rounds.ts';
import { inScratch } from './scratch.ts';

/** Ports of this bench. */
const base = 13_100;

const serviceCount = 50;

/** Number of scrapes in a round, one after another without a pause. */
const scrapesARound = 100;

const defaultRounds = { quick: 3, full: 7 } as const;

/** A round ends after this time, ms, even with fewer scrapes; its figures carry their count. */
const longestRoundMs = { quick: 8_000, full: 120_000 } as const;

interface Round {
  readonly scrapes: number;
  readonly scrapeMs: number;
  readonly longestProbeMs: number;
  /** Figures that the process measured itself; `null` for the floor, which measures none. */
  readonly inside: { readonly longestDelayMs: number; readonly cpuMs: number } | null;
}

/**
 * Measures the longest pause of `throwover serve` during back-to-back scrapes of `/metrics`, with
 * 50 services that have 30 days of lag each. From outside: a separate process keeps asking the
 * request that a guard sends to its witness. From inside: the delay of the event loop. The floor
 * answers the same text from memory.
 */
export function benchControlPlane({ quick, rounds, say }: BenchOptions) {
  const size = quick ? 'quick' : 'full';
  const services = Array.from({ length: serviceCount }, (_, n) => `service-${n + 1}`);
  return inScratch('control-plane', async (scratch) => {
    const { dir } = scratch;
    const script = (name: string) => join(import.meta.dirname, 'control-plane', name);
    writeThirtyDays(join(dir, 'data'), services);
    const [east, west, port, floorPort] = [base, base + 1, base + 2, base + 3];
    await scratch.child(script('regions.ts'), String(east), String(west));
    const probe = await scratch.child(script('probe.ts'));
    const floor = await scratch.child(script('floor.ts'), String(floorPort));
    const serve = await startServe({ dir, port, services, east, west });
    scratch.endLater(() => serve.end());
    await floor.ask({ text: await allKnown(serve, services) });
    const contenders = [
      { name: 'floor', url: `http://127.0.0.1:${floorPort}`, inside: null },
      { name: 'throwover serve', url: serve.url, inside: serve.inside },
    ];
    const measured = await playRounds(
      contenders,
      { rounds: rounds ?? defaultRounds[size], warmUp: true },
      async ({ url, inside }): Promise<Round> => {
        await inside?.();
        const seen = await scrape(url, probe, longestRoundMs[size]);
        if (inside === null) return { ...seen, inside };
        const { longestMs, cpuMs } = await inside();
        return { ...seen, inside: { longestDelayMs: longestMs, cpuMs: cpuMs / seen.scrapes } };
      },
    );
    const figures = figuresOf(measured);
    for (const line of linesOf(figures)) say(line);
    return figures;
  });
}

/**
 * Returns the text of a scrape in which every service has its lag of 30 days, so that the bench
 * measures the full amount of data.
 */
function allKnown(serve: RunningServe, services: readonly string[]): Promise<string> {
  const whole = async () => {
    const text = await (await fetch(`${serve.url}/metrics`)).text();
    const missing = services.filter(
      (service) =>
        !text.includes(`throwover_lag_30d_seconds{service="${service}",from="east",to="west"`),
    );
    if (missing.length === 0) return text;
    throw new Error(`no lag of 30 days of ${missing.join(', ')} in ${text.slice(0, 2_000)}`);
  };
  return until('every service has its lag', whole, { timeoutMs: 60_000, pollMs: 200 });
}

async function scrape(
  url: string,
  probe: Child,
  longestMs: number,
): Promise<Omit<Round, 'inside'>> {
  await probe.ask({ url: `${url}/v1/store/service`, body: 'service-1' });
  const begunMs = systemClock.monotonicMs();
  let scrapes = 0;
  while (scrapes < scrapesARound && systemClock.monotonicMs() - begunMs < longestMs) {
    const answer = await fetch(`${url}/metrics`);
    if (!answer.ok) throw new Error(`${url}/metrics answered ${answer.status}`);
    await answer.arrayBuffer();
    scrapes += 1;
  }
  const scrapeMs = (systemClock.monotonicMs() - begunMs) / scrapes;
  const { longestMs: longestProbeMs } = await probe.ask<ProbeFigures>({ end: true });
  return { scrapes, scrapeMs, longestProbeMs };
}

function figuresOf(measured: Measured<Round>) {
  const [floor = [], serve = []] = [...measured.values()];
  const of = (rounds: readonly Round[], figure: (round: Round) => number) =>
    spread(rounds.map(figure));
  const longestPauseMs = of(serve, ({ longestProbeMs }) => longestProbeMs);
  const floorPauseMs = of(floor, ({ longestProbeMs }) => longestProbeMs);
  return {
    bench: 'control-plane',
    services: serviceCount,
    daysOfLag: 30,
    /** Fewer than 100: the round was cut short. */
    scrapesARound: of(serve, ({ scrapes }) => scrapes),
    scrapeMs: of(serve, ({ scrapeMs }) => scrapeMs),
    floorScrapeMs: of(floor, ({ scrapeMs }) => scrapeMs),
    /** Longest wait for an answer to a guard's request in a round. */
    longestPauseMs,
    floorPauseMs,
    /** The same from inside the process. */
    longestLoopDelayMs: of(serve, ({ inside }) => inside?.longestDelayMs ?? Number.NaN),
    /** Processor time of a scrape, including the background work of serve. */
    cpuMs: of(serve, ({ inside }) => inside?.cpuMs ?? Number.NaN),
    /** Our median divided by the floor's. */
    pauseRatio: longestPauseMs.median / floorPauseMs.median,
  };
}

function linesOf(figures: ReturnType<typeof figuresOf>): readonly string[] {
  const text = (one: Spread) => spreadText(one, 1);
  const { longestPauseMs, floorPauseMs, longestLoopDelayMs, scrapeMs, floorScrapeMs, cpuMs } =
    figures;
  return [
    `${longestPauseMs.count} rounds of ${spreadText(figures.scrapesARound)} scrapes, min / median / max`,
    ...table([
      ['', 'longest pause ms', 'event loop ms', 'a scrape ms', 'CPU ms'],
      [
        'throwover serve',
        text(longestPauseMs),
        text(longestLoopDelayMs),
        text(scrapeMs),
        text(cpuMs),
      ],
      ['floor', text(floorPauseMs), '-', text(floorScrapeMs), '-'],
    ]),
  ];
}
