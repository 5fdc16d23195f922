import { measure, type SurveyedResolver } from 'throwover';
import type { Random } from 'throwover/kernel';
import { z } from 'zod';
import { forwarded } from '../stragglers/stragglers.ts';
import { confusionOf } from '../stragglers/truth.ts';
import { busyShare, machineTicks } from '../warm-strategies/busy.ts';
import { askMachine } from '../world/ask-machine.ts';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import { timeScale } from '../world/options.ts';
import { recordRun } from '../world/record.ts';
import { ttlSeconds } from '../world/service-file.ts';
import { mixOf } from './mix.ts';
import type { ForecastRound } from './results.ts';
import { movedTruth } from './truth.ts';

/**
 * Live traffic before each switch, ms: long enough for about 200 beacons, and never twice the same
 * phase of caches.
 */
const baselineMs = 10_000;
const baselineSpreadMs = 3_000;

/**
 * How long a runtime caches an address (clients/config.ts), and how long clients are watched after
 * the last hold, ms.
 */
const runtimeCacheMs = (5 * 60_000) / timeScale;
const observeMarginMs = 1_500;

/** Longest wait for the data that `serve` writes about the run, ms. */
const evidenceTimeoutMs = 20_000;

const bounded = z.object({ lifeMs: z.number().nullable() });
const predicted = z.object({ p5: bounded, p50: bounded, p95: bounded });
const shares = z.object({ t50: predicted, t90: predicted, t99: predicted });

/** The fields that are read of throwover's forecasts, surveys and beacons. */
const forecasts = z.array(
  z.object({
    runId: z.string(),
    holdover: shares,
    residualShare: z.number().nullable(),
    weights: z.string(),
  }),
);
const beacons = z.array(
  z.object({
    network: z.string(),
    resolver: z.string(),
    count: z.number(),
    toWallMs: z.number(),
  }),
);

/** Plays one switchover with clients that no round had before; the run itself made the forecast. */
export async function playForecastRound(
  lab: Lab,
  asked: { readonly firstNetwork: number; readonly random: Random },
): Promise<Omit<ForecastRound, 'seed' | 'commit' | 'at' | 'round' | 'learning'>> {
  const { firstNetwork, random } = asked;
  const { map, options } = lab;
  const from = await lab.active();
  const resolvers = options.resolvers(map);
  const { shares: mixed, ...clients } = mixOf(resolvers, random);
  const used = clients.resolvers.map(({ share }, index) =>
    share * options.clients < 0.5 ? 0 : (resolvers[index]?.holdSeconds ?? ttlSeconds),
  );
  const observeMs = (Math.max(...used) * 1_000) / timeScale + runtimeCacheMs + observeMarginMs;
  const before = await machineTicks();
  const { evidence, journal } = await recordRun(lab, {
    ...{ kind: 'switchover', show: false, observeMs },
    baselineMs: baselineMs + random.integer(baselineSpreadMs),
    clients: { ...clients, firstNetwork, seed: random.integer(1_000_000) },
  });
  const busy = busyShare(before, await machineTicks());
  const { runId, to, flippedMs: flippedWallMs } = evidence;
  if (flippedWallMs === null) throw new Error(`${runId} has not flipped`);
  const kept = <T>(kind: string, limit: number) =>
    askMachine<T>(map, map.store, `/v1/evidence/checkout/${kind}?limit=${limit}`);
  const made = await forecastOf(lab, runId);
  const said = beacons.parse(await kept('beacon', 1_000));
  const report = await forwarded(lab, from, journal.epoch + 1);
  const judged = confusionOf({
    records: evidence.requests,
    ...{ report, from, flippedWallMs, ttlSeconds, timeScale, firstNetwork },
    resolvers: await kept<readonly SurveyedResolver[]>('resolver', 500),
    beacons: said,
  });
  const figures = measure(evidence);
  const share = (name: 't50' | 't90' | 't99') => {
    const { p5, p50, p95 } = made.holdover[name];
    return { p5LifeMs: p5.lifeMs, p50LifeMs: p50.lifeMs, p95LifeMs: p95.lifeMs };
  };
  return {
    ...{ runId, from, to },
    mix: {
      ...mixed,
      pooled: clients.keepAliveShare,
      runtimeCached: clients.runtimeCacheShare,
    },
    forecast: {
      ...{ t50: share('t50'), t90: share('t90'), t99: share('t99') },
      ...{ weights: made.weights, residualShare: made.residualShare },
    },
    truth: movedTruth(evidence.requests, { from, flippedWallMs, timeScale }),
    matrix: judged.matrix,
    compared: judged.compared,
    unmatched: judged.unmatched,
    failed: figures.requestsFailed,
    busyShare: busy,
  };
}

function forecastOf(lab: Lab, runId: string) {
  const kept = async () => {
    const all = await askMachine(lab.map, lab.map.store, '/v1/evidence/checkout/forecast?limit=10');
    return forecasts.parse(all).find((one) => one.runId === runId);
  };
  const patience = { timeoutMs: evidenceTimeoutMs, pollMs: 200 };
  return until(`the forecast of ${runId} is kept`, kept, patience);
}
