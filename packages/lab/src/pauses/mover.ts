import { systemClock } from 'throwover/kernel';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';
import { carryOut, doneMs, newestRun, plan } from '../world/operator.ts';
import { throwover } from '../world/throwover-cli.ts';

/**
 * Most plans that a person makes for one switchover before giving up: each may meet a paused
 * process.
 */
const maxTries = 12;

/** Longest wait for an open run to end, ms: `serve` carries on runs without a controller. */
const patienceMs = 180_000;

/** Time before a person looks again, ms. */
const againMs = 500;

/** A person wants this region to be active: plans, approves, takes over and retries until it is. */
export async function moved(
  lab: Lab,
  to: RegionName,
): Promise<{ active: RegionName; tries: number; epochOpenedMs: number | null }> {
  for (let tries = 1; tries <= maxTries; tries++) {
    // A refusal because a part does not answer is not overridden: the switchover is tried again.
    const planned = await plan(lab, 'switchover', to).catch(() => null);
    if (planned !== null) await carryOut(lab, 'switchover', to, { ...planned, overrides: [] });
    await ended(lab);
    if ((await patiently(() => lab.active())) === to) {
      const run = await patiently(() => newestRun(lab));
      return { active: to, tries, epochOpenedMs: doneMs(run, 'open-epoch') };
    }
    await systemClock.sleep(againMs);
  }
  throw new Error(`${to} is not active after ${maxTries} tries`);
}

/** Takes over the open run, if there is one, until it has ended. */
async function ended(lab: Lab): Promise<void> {
  const over = async () => {
    // There is no run before the first one.
    const runs = await throwover(['runs', '--json'], { cwd: lab.options.dir });
    if (!runs.stdout.includes('"status":"running"')) return true;
    await throwover(['resume', '--takeover', '--json'], { cwd: lab.options.dir });
    return false;
  };
  await until('the run has ended', over, { timeoutMs: patienceMs, pollMs: againMs });
}

/** Asks until there is an answer: the store may be paused. */
function patiently<T>(ask: () => Promise<T>): Promise<T> {
  return until('the store answers', ask, { timeoutMs: patienceMs, pollMs: againMs });
}
