import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'throwover/kernel';
import { until } from '../packages/lab/src/world/json.ts';
import { type Child, startChild } from './child.ts';
import type { ProbeFigures } from './control-plane/probe.ts';
import { type RunningServe, startServe } from './control-plane/serve.ts';
import { writeThirtyDays } from './control-plane/thirty-days.ts';
import { type Spread, spread, spreadText, table } from './figures.ts';
import type { BenchOptions } from './options.ts';

/** Ports of this bench. */
const base = 13_100;

const serviceCount = 50;

/** Number of scrapes in a round, one after another without a pause. */
const scrapesARound = 100;

const defaultRounds = { quick: 3, full: 7 } as const;

/** A round ends after this time, ms, even with fewer scrapes; its figures carry their count. */
const longestRoundMs = { quick: 8_000, full: 120_000 } as const;

/** The samples of each contender. */
interface Samples {
  readonly scrapes: number[];
  readonly scrapeMs: number[];
  readonly longestProbeMs: number[];
}

/**
 * Measures the longest pause of `throwover serve` during back-to-back scrapes of `/metrics`, with
 * 50 services that have 30 days of lag each. From outside: a separate process keeps asking the
 * request that a guard sends to its witness. From inside: the delay of the event loop. The floor
 * answers the same text from memory.
 */
export async function benchControlPlane({ quick, rounds, say }: BenchOptions) {
  const size = quick ? 'quick' : 'full';
  const services = Array.from({ length: serviceCount }, (_, n) => `service-${n + 1}`);
  const dir = await mkdtemp(join(tmpdir(), 'throwover-bench-control-plane-'));
  const ends: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const started = async (script: string, ...args: string[]): Promise<Child> => {
    const running = await startChild(join(import.meta.dirname, 'control-plane', script), args);
    ends.push(() => running.end());
    return running;
  };
  try {
    writeThirtyDays(join(dir, 'data'), services);
    const [east, west, port, floorPort] = [base, base + 1, base + 2, base + 3];
    await started('regions.ts', String(east), String(west));
    const probe = await started('probe.ts');
    const floor = await started('floor.ts', String(floorPort));
    const serve = await startServe({ dir, port, services, east, west });
    ends.push(() => serve.end());
    const text = await allKnown(serve, services);
    await floor.ask({ text });

    const floorUrl = `http://127.0.0.1:${floorPort}`;
    const samples = { serve: emptySamples(), floor: emptySamples() };
    const inside = { longestDelayMs: [] as number[], cpuMs: [] as number[] };
    // The first round is discarded: compilers warm up.
    for (let round = -1; round < (rounds ?? defaultRounds[size]); round++) {
      const keep = round >= 0;
      await scrape(floorUrl, probe, longestRoundMs[size], keep ? samples.floor : null);
      await serve.inside();
      const scrapes = await scrape(
        serve.url,
        probe,
        longestRoundMs[size],
        keep ? samples.serve : null,
      );
      const { longestMs, cpuMs } = await serve.inside();
      if (!keep) continue;
      inside.longestDelayMs.push(longestMs);
      inside.cpuMs.push(cpuMs / scrapes);
    }
    const figures = figuresOf(samples, inside);
    for (const line of linesOf(figures)) say(line);
    return figures;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

const emptySamples = (): Samples => ({ scrapes: [], scrapeMs: [], longestProbeMs: [] });

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
  samples: Samples | null,
): Promise<number> {
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
  samples?.scrapes.push(scrapes);
  samples?.scrapeMs.push(scrapeMs);
  samples?.longestProbeMs.push(longestProbeMs);
  return scrapes;
}

function figuresOf(
  samples: { readonly serve: Samples; readonly floor: Samples },
  inside: { readonly longestDelayMs: readonly number[]; readonly cpuMs: readonly number[] },
) {
  const { serve, floor } = samples;
  const longestPauseMs = spread(serve.longestProbeMs);
  const floorPauseMs = spread(floor.longestProbeMs);
  return {
    bench: 'control-plane',
    services: serviceCount,
    daysOfLag: 30,
    /** Fewer than 100: the round was cut short. */
    scrapesARound: spread(serve.scrapes),
    scrapeMs: spread(serve.scrapeMs),
    floorScrapeMs: spread(floor.scrapeMs),
    /** Longest wait for an answer to a guard's request in a round. */
    longestPauseMs,
    floorPauseMs,
    /** The same from inside the process. */
    longestLoopDelayMs: spread(inside.longestDelayMs),
    /** Processor time of a scrape, including the background work of serve. */
    cpuMs: spread(inside.cpuMs),
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
