import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Random, systemClock } from 'throwover/kernel';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import { otherRegion, type RegionName } from '../world/map.ts';
import { doneMs, newestRun, type Planned, perform, plan, said } from '../world/operator.ts';
import { runController, spawnThrowover, throwover } from '../world/throwover-cli.ts';
import { foreignStandby } from './foreign-standby.ts';
import { managedHba } from './managed-hba.ts';
import {
  type Disaster,
  failover,
  type Play,
  type Played,
  planned,
  type RoundContext,
  switched,
  takeBack,
} from './play.ts';
import { rebootOwnStart } from './reboot-own-start.ts';

/** Time that a region stays away beyond the writer's lease (10 s), ms. */
const pastLeaseMs = 13_000;

/** Longest time after a step's start until its controller is killed, ms: most steps are shorter. */
const longestStepMs = 200;

/** The kinds of disaster that are done to real processes, by name. */
export const kinds = {
  switchover: async ({ lab, from }) => {
    const to = otherRegion(from);
    return switched(await perform(lab, 'switchover', to), to);
  },
  'region-kill': (context) => failover(context, killing),
  freeze: (context) =>
    failover(context, {
      fault: (lab, region) => lab.freeze(region),
      mend: (lab, region) => lab.thaw(region),
      awayMs: pastLeaseMs,
    }),
  cut: (context) => failover(context, cutting('both')),
  'cut-in': (context) => failover(context, cutting('in')),
  'cut-out': (context) => failover(context, cutting('out')),
  'return-in-the-middle': (context) => failover(context, { ...killing, during: true }),
  'controller-kill': async ({ lab, from, random }) => {
    const to = otherRegion(from);
    const faultMs = await killedSwitchover(lab, to, random);
    return planned({ ...(await resumed(lab)), faultMs, approvedMs: faultMs });
  },
  'controller-and-region': async (context) => {
    const { lab, from, random } = context;
    const to = otherRegion(from);
    const faultMs = await killedSwitchover(lab, to, random, () => lab.kill(from));
    return goOnAsFailover(context, faultMs);
  },
  'controller-gone': async ({ lab, from }) => {
    const to = otherRegion(from);
    const { digest } = await plan(lab, 'switchover', to);
    // Right after the fence is in the journal: nobody can write, and no person will type.
    const result = await runController(
      ['switchover', to, digest, 'after-step:fence'],
      lab.options.dir,
    );
    if (result.signal !== 'SIGKILL') throw new Error(said(['controller'], result));
    const faultMs = systemClock.wallMs();
    const run = await endedRun(lab);
    return planned({
      faultMs,
      approvedMs: faultMs,
      active: run.status === 'succeeded' ? to : from,
      epochOpenedMs: doneMs(run, 'open-epoch'),
    });
  },
  'reboot-own-start': rebootOwnStart,
  'managed-hba': managedHba,
  'foreign-standby': foreignStandby,
} as const satisfies Record<string, Play>;

export type Kind = keyof typeof kinds;

const killing: Disaster = {
  fault: (lab, region) => lab.kill(region),
  mend: (lab, region) => lab.bringBack(region),
};

const cutting = (way: 'both' | 'in' | 'out'): Disaster => ({
  fault: (lab, region) => lab.cut(region, way),
  mend: (lab, region) => lab.restore(region),
});

/**
 * A switchover whose controller gets SIGKILL in or shortly after one of its steps, all equally
 * likely. Returns the moment of the kill, wall ms.
 */
async function killedSwitchover(
  lab: Lab,
  to: RegionName,
  random: Random,
  withIt: () => Promise<void> = async () => {},
): Promise<number> {
  const { digest, plan: made } = await plan(lab, 'switchover', to);
  const { name } = random.pick(made.steps);
  const afterMs = random.integer(longestStepMs);
  const child = spawnThrowover(
    ['switchover', '--to', to, '--yes', digest, '--json'],
    lab.options.dir,
    ['ignore', 'ignore', 'pipe'],
  );
  const ended = once(child, 'close');
  await Promise.race([begun(child, name).then(() => systemClock.sleep(afterMs)), ended]);
  const killedMs = systemClock.wallMs();
  child.kill('SIGKILL');
  await Promise.all([ended, withIt()]);
  return killedMs;
}

/** Resolves when the controller reports that it begins this step. */
async function begun(child: ChildProcess, step: string): Promise<void> {
  if (child.stderr === null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.includes(`"step-started","step":"${step}"`)) resolve();
  });
  return promise;
}

/** A person takes the run over as soon as it is known that its controller is gone. */
async function resumed(lab: Lab): Promise<Pick<Played, 'active' | 'epochOpenedMs'>> {
  if (await openRun(lab)) {
    const result = await throwover(['resume', '--takeover', '--json'], { cwd: lab.options.dir });
    // Exit code 4: it was undone, which is an equally good end.
    if (result.exitCode !== 4 && !endedWell(result)) throw new Error(said(['resume'], result));
  }
  return { active: await lab.active(), epochOpenedMs: await epochOpened(lab) };
}

/** The run was carried to its end, or `serve` was quicker than the person. */
const endedWell = ({ exitCode, stdout }: Awaited<ReturnType<typeof throwover>>): boolean =>
  exitCode === 0 || /"no-open-run"|"run-ended"/.test(stdout);

/**
 * Source and controller are gone in the middle: the same run goes on as a failover, or forward, or
 * a new one begins.
 */
async function goOnAsFailover(context: RoundContext, faultMs: number): Promise<Played> {
  const { lab, from } = context;
  const to = otherRegion(from);
  const approvedMs = systemClock.wallMs();
  const open = await openRun(lab);
  if (!open && (await lab.active()) === to) return takenIn(context, { faultMs, approvedMs });
  const planned = await replanned(lab, to, open);
  if (planned === 'no way back') return goOnForward(context, { faultMs, approvedMs });
  const epochOpenedMs = await epochOpened(lab);
  await context.traffic.more();
  const wokeMs = systemClock.wallMs();
  await lab.bringBack(from);
  return takeBack(context, planned, { faultMs, approvedMs, epochOpenedMs, wokeMs });
}

/** A failover: the open run becomes one, where that is possible, or a new run begins. */
async function replanned(
  lab: Lab,
  to: RegionName,
  open: boolean,
): Promise<Planned | 'no way back'> {
  if (!open) return (await perform(lab, 'failover', to)).planned;
  // The new region is active already.
  if ((await lab.active()) === to) return 'no way back';
  const planned = await plan(lab, 'failover', to);
  const names = planned.overrides.flatMap((name) => ['--override', name]);
  const approval = ['--yes', planned.digest, ...names];
  const args = ['resume', '--takeover', '--as-failover', ...approval, '--json'];
  const result = await throwover(args, { cwd: lab.options.dir });
  if (result.exitCode === 0) return planned;
  if (result.stdout.includes('"no-way-back"')) return 'no way back';
  throw new Error(said(args, result));
}

/** The promotion has happened: the run is carried on, and waits for the old region at its end. */
async function goOnForward(
  context: RoundContext,
  times: { faultMs: number; approvedMs: number },
): Promise<Played> {
  const args = ['resume', '--takeover', '--json'];
  const resuming = throwover(args, { cwd: context.lab.options.dir });
  const played = await takenIn(context, times);
  const result = await resuming;
  if (!endedWell(result)) throw new Error(said(args, result));
  return { ...played, epochOpenedMs: await epochOpened(context.lab) };
}

/** The run had ended before its region was lost; the region comes back as a standby. */
async function takenIn(
  { lab, from, traffic }: RoundContext,
  times: { faultMs: number; approvedMs: number },
): Promise<Played> {
  await traffic.more();
  await lab.bringBack(from);
  return planned({
    ...times,
    epochOpenedMs: await epochOpened(lab),
    active: otherRegion(from),
  });
}

async function openRun(lab: Lab): Promise<boolean> {
  const run = await newestRun(lab).catch(() => null);
  return run?.status === 'running';
}

async function epochOpened(lab: Lab): Promise<number | null> {
  const run = await newestRun(lab).catch(() => null);
  return run === null ? null : doneMs(run, 'open-epoch');
}

/** Waits until the run ends by itself, without a person. */
function endedRun(lab: Lab) {
  const ended = async () => {
    const run = await newestRun(lab);
    return run.status !== 'running' && run;
  };
  return until('the run has ended', ended, { timeoutMs: 120_000, pollMs: 200 });
}
