import { differences } from '../kill-points/end-state.ts';
import { askMachine } from '../world/ask-machine.ts';
import { until } from '../world/json.ts';
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
          askMachine<{ backlog: number }>(
            lab.map,
            lab.map.regions[name].public.gatewayAdmin,
            '/v1/gateway',
          ),
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
  let wrong: readonly string[] = [];
  const asLeft = async () => {
    wrong = await differences(lab, active, options);
    return wrong.length === 0;
  };
  const patience = { timeoutMs: settleTimeoutMs, pollMs: 100 };
  await until('everything stands as a finished switch leaves it', asLeft, patience).catch(
    (error) => {
      throw new Error(`${(error as Error).message}: ${wrong.join('; ')}`, { cause: error });
    },
  );
}
