import { neededInstances } from '../functions/functions.ts';
import { isThrowoverError } from '../kernel/kernel.ts';
import type { RunPolicy, RunPorts } from './ports.ts';

/** Functions of the region that becomes active, and how many must be warm; `null` when there are none. */
export function functionsOf({ to }: RunPorts, { warm }: RunPolicy) {
  return to.functions === null || warm === null ? null : { to: to.functions, warm };
}

export type Functions = NonNullable<ReturnType<typeof functionsOf>>;

/** Instances that the traffic needs in the new region, from what the old region's door has seen at once. */
export async function neededOf(ports: RunPorts, functions: Functions): Promise<number> {
  const { instances, burst } = functions.warm;
  const facts = await functions.to.facts();
  if (instances !== 'measured') {
    return neededInstances({ peakConcurrency: instances, burst: 1, facts });
  }
  const { peakConcurrency } = await ports.from.door.status();
  return neededInstances({ peakConcurrency, burst, facts });
}

/** Runs among which the last measurement is looked for. */
const runsLookedAt = 20;

/**
 * As `neededOf`; when the old door is gone with its region, what the newest run that measured it had
 * needed. `null`: nobody knows.
 */
export async function neededOrRemembered(
  ports: RunPorts,
  policy: RunPolicy,
  functions: Functions,
): Promise<number | null> {
  try {
    return await neededOf(ports, functions);
  } catch (error) {
    if (!isThrowoverError(error, 'door-unreachable')) throw error;
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
