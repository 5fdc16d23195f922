import { type Clock, noAnswer, within } from '../kernel/kernel.ts';
import { webhookErrors } from './errors.ts';
import type { GatewayControl } from './gateway-control.ts';
import type { GatewayStatus } from './wire.ts';

/**
 * Returns the status of a gateway that may be gone with its region; throws `gateway-unreachable`
 * after `patienceMs`.
 */
export async function statusSoon(
  gateway: GatewayControl,
  clock: Clock,
  patienceMs: number,
): Promise<GatewayStatus> {
  const status = await within(clock, patienceMs, gateway.status());
  if (status !== noAnswer) return status;
  throw webhookErrors.make(
    'gateway-unreachable',
    `the gateway of ${gateway.region} did not answer within ${patienceMs} ms`,
    { region: gateway.region },
  );
}
