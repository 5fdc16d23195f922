import type { Guard } from '../runbook/step.ts';
import type { GatewayControl } from './gateway-control.ts';

/** Every gateway can be told to hold and to deliver; one that does not answer refuses by its own error. */
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
