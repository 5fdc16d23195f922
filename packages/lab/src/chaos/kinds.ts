import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Random, systemClock } from 'throwover/kernel';
import { labEnv, nodeOptions } from '../world/child.ts';
import type { Lab } from '../world/lab.ts';
import { otherRegion, type RegionName } from '../world/map.ts';
import { throwoverBin } from '../world/specs.ts';
import { runController, throwover } from '../world/throwover-cli.ts';
import { doneMs, ledgerOf, newestRun, type Planned, perform, plan, said } from './operator.ts';
import type { RoundFacts, Side } from './oracle.ts';
import { readSideWhenBack } from './sides.ts';
import type { RoundTraffic } from './traffic.ts';

export interface RoundContext {
  readonly lab: Lab;
  readonly from: RegionName;
  readonly random: Random;
  readonly fence: 'available' | 'strict';
  readonly traffic: RoundTraffic;
}

/** What a kind knows when its faults are over and everything was mended; traffic still runs. */
export type Played = Pick<
  RoundFacts,
  | 'planned'
  | 'twoWritersAccepted'
  | 'faultMs'
  | 'approvedMs'
  | 'epochOpenedMs'
  | 'wokeMs'
  | 'old'
  | 'ledger'
  | 'lossBoundMs'
> & { readonly active: RegionName };

type Play = (context: RoundContext) => Promise<Played>;

/** Time that a region stays away beyond the writer's lease (10 s), ms. */
const pastLeaseMs = 13_000;

/** How long after a step's beginning its controller is killed at most, ms: most steps are shorter. */
const longestStepMs = 200;

/** How far into a failover the lost region is back at most, ms: from its start to its first write. */
const longestFailoverMs = 3_000;

/** What is done to real processes, one name a kind. */
export const kinds = {
  switchover: async ({ lab, from }) => {
    const to = otherRegion(from);
    const { run, approvedMs } = await perform(lab, 'switchover', to);
    // Nothing is broken here; what counts is how long nobody could write.
    const faultMs = doneMs(run, 'fence') ?? approvedMs;
    return planned({ faultMs, approvedMs, active: to, epochOpenedMs: doneMs(run, 'open-epoch') });
  },
  'region-kill': (context) =>
    failover(context, {
      fault: (lab, region) => lab.kill(region),
      mend: (lab, region) => lab.bringBack(region),
    }),
  freeze: (context) =>
    failover(context, {
      fault: (lab, region) => lab.freeze(region),
      mend: (lab, region) => lab.thaw(region),
      awayMs: pastLeaseMs,
    }),
  cut: (context) => failover(context, cutting('both')),
  'cut-in': (context) => failover(context, cutting('in')),
  'cut-out': (context) => failover(context, cutting('out')),
  'return-in-the-middle': (context) =>
    failover(context, {
      fault: (lab, region) => lab.kill(region),
      mend: (lab, region) => lab.bringBack(region),
      during: true,
    }),
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
    // Right after the fence is in the journal: nobody can write, and nobody will type.
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
} as const satisfies Record<string, Play>;

export type Kind = keyof typeof kinds;

interface Disaster {
  fault(lab: Lab, region: RegionName): Promise<void>;
  mend(lab: Lab, region: RegionName): Promise<void>;
  /** How long the region stays away at least, ms; `undefined`: as long as the failover takes. */
  readonly awayMs?: number;
  /** It comes back while the failover goes on. */
  readonly during?: true;
}

const cutting = (way: 'both' | 'in' | 'out'): Disaster => ({
  fault: (lab, region) => lab.cut(region, way),
  mend: (lab, region) => lab.restore(region),
});

/** The active region is lost; a person fails over; the old region comes back and is taken in again. */
async function failover(context: RoundContext, disaster: Disaster): Promise<Played> {
  const { lab, from, random } = context;
  const to = otherRegion(from);
  await disaster.fault(lab, from);
  const faultMs = systemClock.wallMs();
  let wokeMs: number | null = null;
  const mend = async () => {
    wokeMs = systemClock.wallMs();
    await disaster.mend(lab, from);
  };
  const early = disaster.during
    ? systemClock.sleep(random.integer(longestFailoverMs)).then(mend)
    : Promise.resolve();
  const { run, approvedMs, planned: approved } = await perform(lab, 'failover', to);
  await early;
  const awayMs = systemClock.wallMs() - faultMs;
  if (disaster.awayMs !== undefined) {
    await systemClock.sleep(Math.max(0, disaster.awayMs - awayMs));
  }
  await context.traffic.more(20, 60_000);
  if (!disaster.during) await mend();
  const old = await takeBack(lab, from, to);
  return {
    planned: false,
    active: to,
    twoWritersAccepted: approved.overrides.includes('two-writers'),
    lossBoundMs: lossBoundOf(approved.plan),
    faultMs,
    approvedMs,
    epochOpenedMs: doneMs(run, 'open-epoch'),
    wokeMs,
    old: old.side,
    ledger: await ledgerOf(lab, old.runId),
  };
}

/** Reads what the old side holds, then takes it in again: salvage and attach. */
async function takeBack(
  lab: Lab,
  old: RegionName,
  active: RegionName,
): Promise<{ side: Side; runId: string }> {
  const side = await readSideWhenBack(lab.map, old);
  const { run } = await perform(lab, 'rejoin', old);
  if (run.status !== 'succeeded') throw new Error(`rejoin of ${old} to ${active}: ${run.status}`);
  return { side, runId: run.runId };
}

/** What the plan said may be lost, life time, ms. */
function lossBoundOf(plan: { facts: Readonly<Record<string, unknown>> }): number {
  const bound = plan.facts['lossBoundMs'];
  if (typeof bound !== 'number') throw new Error('the plan of a failover shows no bound');
  return bound;
}

/**
 * A switchover whose controller gets SIGKILL in or shortly after one of its steps, each as likely as the
 * other. Gives the moment of the kill, wall ms.
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
  const child: ChildProcess = spawn(
    process.execPath,
    [...nodeOptions, throwoverBin, 'switchover', '--to', to, '--yes', digest, '--json'],
    {
      cwd: lab.options.dir,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...labEnv },
    },
  );
  const ended = once(child, 'close');
  await Promise.race([begun(child, name).then(() => systemClock.sleep(afterMs)), ended]);
  const killedMs = systemClock.wallMs();
  child.kill('SIGKILL');
  await Promise.all([ended, withIt()]);
  return killedMs;
}

/** Resolves when the controller tells that it begins this step. */
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
    // 4: it was undone, which is an end as good as the other. Or `serve` was quicker than the person.
    const ended =
      result.exitCode === 0 ||
      result.exitCode === 4 ||
      /"no-open-run"|"run-ended"/.test(result.stdout);
    if (!ended) throw new Error(said(['resume'], result));
  }
  return { active: await lab.active(), epochOpenedMs: await epochOpened(lab) };
}

/** Source and controller are gone half-way: the same run goes on as a failover, or forward, or a new one begins. */
async function goOnAsFailover(context: RoundContext, faultMs: number): Promise<Played> {
  const { lab, from } = context;
  const to = otherRegion(from);
  const approvedMs = systemClock.wallMs();
  const open = await openRun(lab);
  if (!open && (await lab.active()) === to) return takenIn(context, { faultMs, approvedMs });
  const planned = await replanned(lab, to, open);
  if (planned === 'no way back') return goOnForward(context, { faultMs, approvedMs });
  const epochOpenedMs = await epochOpened(lab);
  await context.traffic.more(20, 60_000);
  const wokeMs = systemClock.wallMs();
  await lab.bringBack(from);
  const old = await takeBack(lab, from, to);
  return {
    planned: false,
    active: to,
    twoWritersAccepted: planned.overrides.includes('two-writers'),
    lossBoundMs: lossBoundOf(planned.plan),
    faultMs,
    approvedMs,
    epochOpenedMs,
    wokeMs,
    old: old.side,
    ledger: await ledgerOf(lab, old.runId),
  };
}

/** A failover: the open run's own, where that can still be, or a new one. */
async function replanned(
  lab: Lab,
  to: RegionName,
  open: boolean,
): Promise<Planned | 'no way back'> {
  if (!open) return (await perform(lab, 'failover', to)).planned;
  // The new region is the active one already.
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

/** Its promotion has happened: the run is carried on, and waits for the old region at its end. */
async function goOnForward(
  context: RoundContext,
  times: { faultMs: number; approvedMs: number },
): Promise<Played> {
  const { lab, from } = context;
  const args = ['resume', '--takeover', '--json'];
  const resuming = throwover(args, { cwd: lab.options.dir });
  await context.traffic.more(20, 60_000);
  await lab.bringBack(from);
  const result = await resuming;
  if (result.exitCode !== 0) throw new Error(said(args, result));
  const epochOpenedMs = await epochOpened(lab);
  return planned({ ...times, epochOpenedMs, active: otherRegion(from) });
}

/** The run had ended before its region was lost: a standby that comes back. */
async function takenIn(
  context: RoundContext,
  times: { faultMs: number; approvedMs: number },
): Promise<Played> {
  const { lab, from } = context;
  await context.traffic.more(20, 60_000);
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

/** The run's own end, with nobody typing anything. */
async function endedRun(lab: Lab) {
  const deadline = systemClock.monotonicMs() + 120_000;
  for (;;) {
    const run = await newestRun(lab);
    if (run.status !== 'running') return run;
    if (systemClock.monotonicMs() > deadline) throw new Error(`run ${run.runId} has not ended`);
    await systemClock.sleep(200);
  }
}

function planned(
  seen: Pick<Played, 'active' | 'faultMs' | 'approvedMs' | 'epochOpenedMs'>,
): Played {
  return {
    planned: true,
    twoWritersAccepted: false,
    lossBoundMs: 0,
    wokeMs: null,
    old: null,
    ledger: null,
    ...seen,
  };
}
