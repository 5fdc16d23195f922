import { measure, type StrategyName } from 'throwover';
import { z } from 'zod';
import { askMachine } from '../world/ask-machine.ts';
import { askJson, until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import { otherRegion, type RegionName, regionNames } from '../world/map.ts';
import { recordRun } from '../world/record.ts';
import { busyShare, machineTicks } from './busy.ts';
import { figures, type WarmRound } from './results.ts';

/**
 * Live traffic before each switch, ms: the baseline is its last 5 s; the first seconds warm the
 * region that serves now.
 */
const baselineMs = 9_000;

/**
 * How long clients are watched after the flip, ms: the five minutes (scaled), and the looks of
 * `serve`.
 */
const observeMs = 6_500;

/** Longest wait for idle instances to be ended, ms: 10 s of idleness, checked every second. */
const coldTimeoutMs = 40_000;

/**
 * Longest wait for the record that `serve` writes, ms: the five minutes (scaled) and the end of the
 * run.
 */
const recordTimeoutMs = 40_000;

/** The fields that are read of the records of `serve`. */
const samples = z.array(
  z.object({
    runId: z.string(),
    strategy: z.string(),
    minutes: z.array(z.object({ coldStarts: z.number().nullable() })),
    whole: figures,
    baseline: figures,
  }),
);

/**
 * Plays one switchover into a region whose functions are cold, except for what the strategy warms.
 */
export async function playWarmRound(
  lab: Lab,
  round: number,
  strategy: StrategyName,
): Promise<WarmRound> {
  const to = otherRegion(await lab.active());
  await cold(lab, to, strategy);
  const before = await machineTicks();
  const { evidence } = await recordRun(lab, {
    ...{ kind: 'switchover', show: false },
    ...{ baselineMs, observeMs },
  });
  const busy = busyShare(before, await machineTicks());
  const { runId } = evidence;
  const sample = await recorded(lab, runId);
  const starts = sample.minutes.flatMap(({ coldStarts }) => coldStarts ?? []);
  return {
    ...{ round, runId, to },
    acted: sample.strategy,
    whole: sample.whole,
    baseline: sample.baseline,
    coldStarts: starts.length === 0 ? null : starts.reduce((sum, count) => sum + count, 0),
    busyShare: busy,
    failed: measure(evidence).requestsFailed,
  };
}

interface PoolSeen {
  readonly instances: number;
  readonly provisioned: readonly { readonly requested: number; readonly available: number }[];
}

/** Waits until only provisioned instances are running there. */
async function cold(lab: Lab, to: RegionName, strategy: StrategyName): Promise<void> {
  const { functions } = lab.map.regions[to].public;
  await until(
    `the functions of ${to} are cold`,
    async () => {
      const { instances, provisioned } = await askJson<PoolSeen>(functions, '/__lab/stats');
      const kept = provisioned.reduce((sum, { available }) => sum + available, 0);
      return instances === kept && (strategy === 'always-on' || kept === 0);
    },
    { timeoutMs: coldTimeoutMs, pollMs: 200 },
  );
}

function recorded(lab: Lab, runId: string) {
  const kept = async () => {
    const all = await askMachine(
      lab.map,
      lab.map.store,
      '/v1/evidence/checkout/five-minutes?limit=20',
    );
    return samples.parse(all).find((sample) => sample.runId === runId);
  };
  const patience = { timeoutMs: recordTimeoutMs, pollMs: 200 };
  return until(`the five minutes of ${runId} are recorded`, kept, patience);
}

/** Provisions instances in both regions, as a team would have done itself. */
export async function provisionEverywhere(lab: Lab, instances: number): Promise<void> {
  const path = '/2019-09-30/functions/checkout/provisioned-concurrency?Qualifier=live';
  await Promise.all(
    regionNames.map(async (name) => {
      const { functions } = lab.map.regions[name].public;
      await askJson(functions, path, {
        method: 'PUT',
        body: { ProvisionedConcurrentExecutions: instances },
      });
      await until(
        `${instances} instances stand in ${name}`,
        async () => (await askJson<{ Status: string }>(functions, path)).Status === 'READY',
        { timeoutMs: 60_000, pollMs: 200 },
      );
    }),
  );
}
