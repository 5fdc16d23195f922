import { type Clock, noAnswer, within } from '../kernel/kernel.ts';
import { webhookErrors } from './errors.ts';
import type { GatewayControl, GatewayStatus } from './gateway-control.ts';

/** How long a run that leaves a lost region waits for one answer, ms: those that answer must not wait for those that are gone. */
const oneAnswerMs = 1_000;

/** The status of a gateway that may be gone with its region: `gateway-unreachable` soon. */
export async function statusSoon(gateway: GatewayControl, clock: Clock): Promise<GatewayStatus> {
  const status = await within(clock, oneAnswerMs, gateway.status());
  if (status !== noAnswer) return status;
  throw webhookErrors.make(
    'gateway-unreachable',
    `the gateway of ${gateway.region} did not answer within ${oneAnswerMs} ms`,
    { region: gateway.region },
  );
}
