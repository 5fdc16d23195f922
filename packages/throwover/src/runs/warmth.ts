import type { FunctionRegion } from '../functions/function-region.ts';
import {
  enoughRoom,
  littlesLaw,
  neededInstances,
  room,
  type StrategyParts,
  smallQuota,
  strategies,
  useOf,
} from '../functions/functions.ts';
import { type Clock, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/step.ts';
import type { RegionPorts, RunPolicy, RunPorts } from './ports.ts';
import { trafficShare } from './traffic-share.ts';

/** How far back the provider's metrics are looked at, ms: a peak of the last hours, and what an operator waits for. */
const metricsWindowMs = 3 * 3_600_000;

/** Longest time for what counts in a region that lives, ms: above the 10 s of a call to the provider. */
const plannedPatienceMs = 12_000;

/** Functions of the region that becomes active, and how they are made warm; `null` when there are none. */
function functionsOf({ to }: RunPorts, { warm }: RunPolicy) {
  return to.functions === null || warm === null ? null : { to: to.functions, warm };
}

type Functions = NonNullable<ReturnType<typeof functionsOf>>;

/** What is asked of a policy to size by it. */
export interface Sized {
  readonly to: FunctionRegion;
  readonly warm: Pick<Functions['warm'], 'instances' | 'burst'>;
}

/** The strategy's steps in this run: none when the service has no functions. */
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

/** What is needed; where the team has accepted a quota that is too small, as many as it allows. */
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

/** Before a planned run: there is room for as many instances as the traffic needs. */
export function roomGuard(ports: RunPorts, policy: RunPolicy, clock: Clock): readonly Guard[] {
  const functions = functionsOf(ports, policy);
  if (functions === null) return [];
  const waiting = { clock, patienceMs: plannedPatienceMs };
  const needed = () => neededOrRemembered(ports, policy, functions, waiting);
  return [enoughRoom({ to: functions.to, needed })];
}

/**
 * Instances that the traffic needs in the new region: from what the old region's door has seen at once
 * and, where the provider counts too, from its peak or by Little's law, whichever is most.
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

/** A provider that does not say how much it counted, or may not, is no reason to stop: the door counts as well. */
async function providerPeak({ from }: Parameters<typeof neededOf>[0]): Promise<number> {
  try {
    const minutes = (await from.metrics?.minutes(metricsWindowMs)) ?? [];
    const use = useOf(minutes, { atWallMs: 0, windowMs: metricsWindowMs });
    return Math.max(use.peakConcurrency ?? 0, littlesLaw(use));
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return 0;
  }
}

/** Runs among which the last measurement is looked for. */
const runsLookedAt = 20;

/**
 * As `neededOf`, with what the old region says within `patienceMs`; when its door is gone with it, what the
 * newest run that measured it had needed. `null`: nobody knows.
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
    const { records } = await ports.store.run(runId);
    for (const record of records) {
      if (record.type !== 'outcome' || record.step !== 'warm') continue;
      const { needed } = record.evidence;
      if (typeof needed === 'number') return needed;
    }
  }
  return null;
}
