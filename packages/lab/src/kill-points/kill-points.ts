/**
 * `npm run kill-points [-- --every 3]`: a controller is killed with SIGKILL after each record of a
 * switchover's journal, and after each act's effect before its record, one point in each round;
 * another controller resumes the run, and the end state must be the same.
 *
 * Rounds go there and back under live traffic in one lab. Ends with `N passed, N failed`.
 */
import { join } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import type { RequestRecord, RunState } from 'throwover';
import { errorLine, formatMs, systemClock } from 'throwover/kernel';
import { portBaseOption, runCommand, wholeNumber } from '../command-line.ts';
import type { Lab } from '../world/lab.ts';
import { readLines } from '../world/lines.ts';
import { otherRegion } from '../world/map.ts';
import { digestOf, newestRun, switchOver } from '../world/operator.ts';
import { labOptions } from '../world/options.ts';
import { clientResolvers } from '../world/resolver-list.ts';
import { missingOrders } from '../world/survivors.ts';
import { runController, throwoverJson } from '../world/throwover-cli.ts';
import { withLab } from '../world/with-lab.ts';
import { differences } from './end-state.ts';
import { type KillPoint, killPointsOf } from './points.ts';

const given = new Command('npm run kill-points --')
  .option('--every <n>', 'only every n-th point', wholeNumber, 1)
  .option('--seed <n>', 'seed of the traffic', wholeNumber, 1)
  .addOption(portBaseOption())
  .parse()
  .opts();

/** In the lab the warm capacity is kept for half a second: each round waits for its end. */
const keepWarm = '30s';

async function main(): Promise<void> {
  const options = labOptions({
    seed: given.seed,
    portBase: given.portBase,
    lagProfile: 'none',
    // Each round ends with a release of all warm capacity. What then starts cold shares two cores:
    // with 40 requests/s the starts of one moment kept each other from ending, 79 requests waited
    // at once, and the sizing asked for more instances than the account allows.
    requestsPerSecond: 10,
    warm: 6,
    keepWarm,
  });
  await withLab(options, async (lab) => {
    const output = join(lab.options.dir, 'kill-points.jsonl');
    await lab.startClients({ output, resolvers: clientResolvers(lab.map, lab.options) });
    const points = killPointsOf(await wholeRun(lab));
    const chosen = points.filter((_, index) => index % given.every === 0);
    console.log(`${points.length} points in the journal of a switchover; ${chosen.length} rounds`);
    const rounds: (readonly string[])[] = [];
    for (const point of chosen) rounds.push(await playRound(lab, point));
    const lost = await lostWrites(lab, output);
    const failed = rounds.filter((problems) => problems.length > 0);
    console.log(
      `acknowledged writes lost over all rounds: ${lost.length} ${lost.slice(0, 5).join(' ')}`,
    );
    const failures = failed.length + (lost.length > 0 ? 1 : 0);
    console.log(`${rounds.length + 1 - failures} passed, ${failures} failed`);
    if (failures > 0) process.exitCode = 1;
  });
}

/** Returns the journal of an undisturbed switchover, which shows where one can be killed. */
async function wholeRun(lab: Lab): Promise<RunState> {
  await switchOver(lab, otherRegion(await lab.active()));
  return newestRun(lab);
}

/** Returns what was not as it must be. */
async function playRound(lab: Lab, point: KillPoint): Promise<readonly string[]> {
  const startedMs = systemClock.monotonicMs();
  const { dir } = lab.options;
  const from = await lab.active();
  const to = otherRegion(from);
  const problems: string[] = [];
  const killed = await runController(
    ['switchover', to, await digestOf(lab, 'switchover', to), `${point.when}:${point.seq}`],
    dir,
  );
  if (killed.signal !== 'SIGKILL') {
    problems.push(`the controller was not killed: exit code ${killed.exitCode} ${killed.stderr}`);
  }
  const interrupted = await newestRun(lab);
  if (interrupted.status === 'running') {
    await throwoverJson(['resume', interrupted.runId, '--takeover'], dir).catch((error) => {
      problems.push(`resume: ${errorLine(error)}`);
    });
  }
  const journal = await newestRun(lab);
  if (journal.status !== 'succeeded') problems.push(`the run is ${journal.status}`);
  problems.push(...(await differences(lab, to, { switched: true })));
  const took = formatMs(systemClock.monotonicMs() - startedMs);
  const verdict = problems.length === 0 ? 'same end state' : `FAILED: ${problems.join('; ')}`;
  console.log(`${point.when} ${point.seq} (${point.what}), ${from} to ${to}, ${took}: ${verdict}`);
  return problems;
}

/**
 * Returns the keys of writes that a client had acknowledged and that the surviving database does
 * not have.
 */
async function lostWrites(lab: Lab, output: string): Promise<readonly string[]> {
  await lab.stopClients();
  const requests = await readLines<RequestRecord>(output);
  const acknowledged = requests.flatMap(({ kind, ok, key }) =>
    kind === 'write' && ok && key !== null ? [key] : [],
  );
  return missingOrders(lab.map, await lab.active(), acknowledged);
}

await runCommand(main);
