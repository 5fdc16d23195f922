import { isThrowoverError } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/runbook.ts';
import { statusSoon } from './answering.ts';
import type { GatewayControl } from './gateway-control.ts';

/**
 * The guard that every gateway answers, so that it can be told to hold and to deliver. A gateway
 * that does not answer refuses with its own error.
 */
export function gatewaysReady(gateways: readonly GatewayControl[]): Guard {
  return {
    name: 'gateways-ready',
    title: 'Every webhook gateway answers',
    check: async () => {
      await Promise.all(gateways.map((gateway) => gateway.status()));
      return [];
    },
  };
}

/**
 * The guard of a failover that one gateway answers, so that senders have a gateway to send to. The
 * lost region's own gateway may be unreachable.
 */
export function someGatewayReady(gateways: readonly GatewayControl[], patienceMs: number): Guard {
  return {
    name: 'some-gateway-ready',
    title: 'A webhook gateway answers',
    check: async ({ clock }) => {
      const looks = await Promise.allSettled(
        gateways.map((gateway) => statusSoon(gateway, clock, patienceMs)),
      );
      const failures = looks.flatMap((look) => (look.status === 'rejected' ? [look.reason] : []));
      if (failures.length < gateways.length) return [];
      const [first] = failures;
      if (!isThrowoverError(first)) throw first;
      return [{ error: first, override: 'without-gateways' }];
    },
  };
}
