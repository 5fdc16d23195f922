import { endState, expectedEndState } from '../kill-points/end-state.ts';
import { askJson, until } from '../world/json.ts';
import type { Lab } from '../world/lab.ts';
import { type RegionName, regionNames } from '../world/map.ts';

/** Longest wait until both regions are as a finished switch leaves them, ms. */
const settleTimeoutMs = 60_000;

/** Waits until every event that a gateway accepted was delivered, or is a dead letter. */
export async function delivered(lab: Lab): Promise<void> {
  await until(
    'the gateways have delivered what they accepted',
    async () => {
      const all = await Promise.all(
        regionNames.map((name) =>
          askJson<{ backlog: number }>(lab.map.regions[name].public.gatewayAdmin, '/v1/gateway'),
        ),
      );
      return all.every(({ backlog }) => backlog === 0);
    },
    { timeoutMs: settleTimeoutMs, pollMs: 100 },
  );
}

/** Waits until databases, doors, gateways and DNS are as they must be with this region active. */
export async function settled(
  lab: Lab,
  active: RegionName,
  options: { readonly switched: boolean },
): Promise<void> {
  const expected = { ...expectedEndState(lab.map, active) };
  // An undone run leaves the other side's door as it was before: in a first round, serving.
  if (!options.switched) delete (expected as Record<string, string>)['door of the standby region'];
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
