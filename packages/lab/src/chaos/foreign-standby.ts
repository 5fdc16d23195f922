import { otherRegion } from '../world/map.ts';
import { carryOut, newestRun, perform, plan } from '../world/operator.ts';
import { throwover } from '../world/throwover-cli.ts';
import { standbyStreams } from './guard-word.ts';
import { type Played, type RoundContext, switched } from './play.ts';

/**
 * The standby's data directory is exchanged for that of another cluster, whose log is further
 * ahead. Correct behaviour: `check` fails, a switchover and a failover to it are refused before
 * anything changes, whatever is accepted by name, and the service goes on. Then the right standby
 * comes back, and a switchover works.
 */
export async function foreignStandby({ lab, from, traffic }: RoundContext): Promise<Played> {
  const to = otherRegion(from);
  const violations: string[] = [];
  const machine = lab.machine(to);
  await lab.kill(to);
  await machine.becomeForeign();
  await lab.bringBack(to);
  const before = await newestRun(lab).catch(() => null);
  const checked = await throwover(['check'], { cwd: lab.options.dir });
  if (checked.exitCode === 0) violations.push(`check is green with another cluster in ${to}`);
  for (const kind of ['switchover', 'failover']) {
    const refused = await carryOut(lab, kind, to, await plan(lab, kind, to));
    if (refused.result.exitCode === 0) violations.push(`a ${kind} to another cluster succeeded`);
  }
  const after = await newestRun(lab).catch(() => null);
  if (after?.runId !== before?.runId) violations.push('a run to another cluster was begun');
  if ((await lab.active()) !== from) {
    // The databases are of two clusters now, so later rounds would be meaningless.
    throw new Error(`VIOLATED: ${violations.join('; ')}; ${to}'s other cluster is the active one`);
  }
  await traffic.more();
  await lab.kill(to);
  await machine.becomeOwn();
  await lab.bringBack(to);
  await standbyStreams(lab, to);
  return { ...switched(await perform(lab, 'switchover', to), to), violations };
}
