import {
  enoughRoom,
  type FunctionRegion,
  littlesLaw,
  neededInstances,
  room,
  type StrategyParts,
  smallQuota,
  strategies,
  useOf,
  warmed,
} from '../functions/functions.ts';
import { type Clock, isThrowoverError, noAnswer, orNull, within } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/runbook.ts';
import { journalOf } from '../store/store.ts';
import type { RegionPorts, RunPolicy, RunPorts } from './ports.ts';
import { trafficShare } from './traffic-share.ts';

/**
 * Period of the provider's metrics that is read, ms: long enough for a peak of the last hours,
 * short enough for an operator to wait for.
 */
const metricsWindowMs = 3 * 3_600_000;

/**
 * How long a planned run waits for answers of a living region, ms: above the 10 s of a call to the
 * provider.
 */
const plannedPatienceMs = 12_000;

/**
 * The functions of the region that becomes active, and how they are warmed; `null` when there are
 * none.
 */
function functionsOf({ to }: RunPorts, { warm }: RunPolicy) {
  return to.functions === null || warm === null ? null : { to: to.functions, warm };
}

type Functions = NonNullable<ReturnType<typeof functionsOf>>;

/** The function and the part of the policy that its size is computed from. */
export interface Sized {
  readonly to: FunctionRegion;
  readonly warm: Pick<Functions['warm'], 'instances' | 'burst'>;
}

/**
 * Returns the steps of the team's warming strategy in this run; none when the service has no
 * functions.
 */
export function warmthOf(ports: RunPorts, policy: RunPolicy, clock: Clock) {
  const functions = functionsOf(ports, policy);
  if (functions === null) return { arm: [], approach: [], ask: [], settle: [] };
  const { keepMs, strategy, ramp } = functions.warm;
  const traffic = trafficShare(ports, policy, clock);
  const parts: StrategyParts = {
    to: functions.to,
    needed: () => atMostRoom(policy, functions, () => neededOf(ports, functions)),
    neededIfKnown: () =>
      atMostRoom(policy, functions, () =>
        neededOrRemembered(ports, policy, functions, { clock, patienceMs: policy.lostPatienceMs }),
      ),
    keepMs,
    clock,
    ramp: traffic === null ? null : { traffic, policy: ramp },
  };
  const { arm, approach, ask, settle } = strategies[strategy];
  return { arm: arm(parts), approach: approach(parts), ask: ask(parts), settle: settle(parts) };
}

/**
 * Returns the number of instances that are needed. Where the team has accepted a quota that is too
 * small: the number that the quota allows.
 */
async function atMostRoom<T extends number | null>(
  { consent }: RunPolicy,
  { to }: Functions,
  needed: () => Promise<T>,
): Promise<T | number> {
  try {
    return await needed();
  } catch (error) {
    const accepted = consent.overrides.includes(smallQuota);
    if (!accepted || !isThrowoverError(error, 'functions-quota')) throw error;
    return room(await to.facts()).limit;
  }
}

/** The guard of a planned run that there is room for as many instances as the traffic needs. */
export function roomGuard(ports: RunPorts, policy: RunPolicy, clock: Clock): readonly Guard[] {
  const functions = functionsOf(ports, policy);
  if (functions === null) return [];
  const waiting = { clock, patienceMs: plannedPatienceMs };
  const needed = () => neededOrRemembered(ports, policy, functions, waiting);
  return [enoughRoom({ to: functions.to, needed })];
}

/**
 * Returns the number of instances that the traffic needs in the new region: the largest of the peak
 * concurrency at the old region's door and, if the provider has metrics, its peak and the result of
 * Little's law.
 */
export async function neededOf(
  ports: { readonly from: Pick<RegionPorts, 'door' | 'metrics'> },
  functions: Sized,
): Promise<number> {
  return sizedBy(functions, async () => {
    const [{ peakConcurrency }, provider] = await Promise.all([
      ports.from.door.status(),
      providerPeak(ports),
    ]);
    return Math.max(peakConcurrency, provider);
  });
}

async function sizedBy({ to, warm }: Sized, peak: () => Promise<number>): Promise<number> {
  const { instances, burst } = warm;
  const [facts, peakConcurrency] = await Promise.all([
    to.facts(),
    instances === 'measured' ? peak() : instances,
  ]);
  return neededInstances({ peakConcurrency, burst: instances === 'measured' ? burst : 1, facts });
}

/**
 * If the provider does not give its metrics, or may not, the run goes on: the door counts as well.
 */
async function providerPeak({ from }: Parameters<typeof neededOf>[0]): Promise<number> {
  const minutes = await orNull(async () => from.metrics?.minutes(metricsWindowMs));
  const use = useOf(minutes ?? [], { atWallMs: 0, windowMs: metricsWindowMs });
  return Math.max(use.peakConcurrency ?? 0, littlesLaw(use));
}

/** Number of newest runs that are searched for the last measurement. */
const runsLookedAt = 20;

/**
 * Like `neededOf`, with the answers of the old region within `patienceMs`. If its door does not
 * answer: the number from the newest run that measured it. `null`: not known.
 */
async function neededOrRemembered(
  ports: RunPorts,
  policy: RunPolicy,
  functions: Functions,
  { clock, patienceMs }: { readonly clock: Clock; readonly patienceMs: number },
): Promise<number | null> {
  if (functions.warm.instances !== 'measured') return neededOf(ports, functions);
  const [door, provider] = await Promise.all([
    within(clock, patienceMs, ports.from.door.status()),
    within(clock, patienceMs, providerPeak(ports)),
  ]);
  if (door !== noAnswer) {
    const peak = Math.max(door.peakConcurrency, provider === noAnswer ? 0 : provider);
    return sizedBy(functions, async () => peak);
  }
  const runs = await ports.store.runs({ service: policy.service, limit: runsLookedAt });
  for (const { runId } of runs) {
    const records = (await journalOf(ports.store, runId))?.records ?? [];
    const needed = warmed.in(records)?.outcome.needed;
    if (typeof needed === 'number') return needed;
  }
  return null;
}
