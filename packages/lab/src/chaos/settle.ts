import { endState, expectedEndState } from '../kill-points/end-state.ts';
import { until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';

/** Longest wait for both regions to stand as a finished switch leaves them, ms. */
const settleTimeoutMs = 60_000;

/** Both databases, doors, gateways and DNS stand as they must with this region active. */
export async function settled(lab: Lab, active: RegionName): Promise<void> {
  const expected = expectedEndState(lab.map, active);
  let differences: readonly string[] = [];
  await until(
    'everything stands as a finished switch leaves it',
    async () => {
      const seen = await endState(lab, active);
      differences = Object.entries(expected).flatMap(([name, value]) =>
        seen[name] === value ? [] : [`${name} is ${seen[name]}, not ${value}`],
      );
      return differences.length === 0;
    },
    { timeoutMs: settleTimeoutMs, pollMs: 100 },
  ).catch((error) => {
    throw new Error(`${(error as Error).message}: ${differences.join('; ')}`, { cause: error });
  });
}
