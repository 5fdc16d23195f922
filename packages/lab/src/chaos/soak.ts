/**
 * `npm run soak -- --minutes 10 --fence available`: the service goes on without its control plane.
 *
 * Runs the same traffic twice for the same time: once undisturbed, once with `throwover serve`
 * killed and, where the fence is `available`, every guard stopped as well. Half-way through both,
 * the front door and the gateway of the active region get SIGKILL and are restarted by their
 * supervisor. Exit code 1 when a request failed without the control plane, outside of those
 * restarts.
 */

import { Command } from '@commander-js/extra-typings';
import type { RequestRecord } from 'throwover';
import { systemClock } from 'throwover/kernel';

import { aboveZero, fenceOption, portBaseOption, runCommand } from '../command-line.ts';
import type { Lab } from '../world/lab.ts';

import { regionNames } from '../world/map.ts';
import { labOptions } from '../world/options.ts';
import { withLab } from '../world/with-lab.ts';
import { RoundTraffic } from './traffic.ts';

/**
 * How long after a SIGKILL to the door its requests may fail, ms: it is restarted within a second.
 */
const restartMs = 5_000;

const given = new Command('npm run soak --')
  .option('--minutes <n>', 'real minutes of each of the two', aboveZero, 10)
  .addOption(fenceOption())
  .addOption(portBaseOption(11_000))
  .option('--json', 'end with one line of JSON')
  .parse()
  .opts();

async function main(): Promise<void> {
  const options = labOptions({
    portBase: given.portBase,
    lagProfile: 'none',
    writerFence: given.fence,
  });
  await withLab(options, async (lab) => {
    const control = await soak(lab, 'control', async () => async () => {});
    const without = await soak(lab, 'without', () => stopControlPlane(lab));
    for (const [name, seen] of Object.entries({ control, without })) {
      console.log(
        `${name}: ${seen.requests} requests, ${seen.failedElsewhere} failed, ${seen.failedInRestart} while the door was started again; ${seen.webhooks} webhooks, ${seen.webhooksNotAccepted} not accepted`,
      );
    }
    if (given.json) console.log(JSON.stringify({ ...given, control, without }));
    if (without.failedElsewhere > control.failedElsewhere) process.exitCode = 1;
  });
}

/**
 * Stops the processes that decide and record; those that carry requests go on. Returns a function
 * that starts them again.
 */
async function stopControlPlane(lab: Lab): Promise<() => Promise<void>> {
  const guards =
    given.fence === 'available'
      ? await Promise.all(regionNames.map((name) => lab.part(name, 'guard')))
      : [];
  await lab.killStore();
  for (const pid of guards) process.kill(pid, 'SIGSTOP');
  return async () => {
    for (const pid of guards) process.kill(pid, 'SIGCONT');
    await lab.startStore();
  };
}

async function soak(lab: Lab, name: string, take: () => Promise<() => Promise<void>>) {
  const active = await lab.active();
  const traffic = await RoundTraffic.start(lab, `soak-${name}`);
  const giveBack = await take();
  const halfMs = (given.minutes * 60_000) / 2;
  await systemClock.sleep(halfMs);
  const killedMs = systemClock.wallMs();
  for (const part of ['door', 'gateway'] as const) {
    process.kill(await lab.part(active, part), 'SIGKILL');
  }
  await systemClock.sleep(halfMs);
  const { requests, webhooks } = await traffic.end();
  await giveBack();
  const failed = requests.filter(({ ok, stale }) => !ok && !stale);
  const inRestart = ({ endMs }: RequestRecord) =>
    endMs >= killedMs && endMs <= killedMs + restartMs;
  return {
    requests: requests.length,
    failedInRestart: failed.filter(inRestart).length,
    failedElsewhere: failed.filter((request) => !inRestart(request)).length,
    webhooks: webhooks.length,
    webhooksNotAccepted: webhooks.filter(({ state }) => state !== 'delivered').length,
  };
}

await runCommand(main);
