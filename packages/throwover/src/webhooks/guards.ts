import { isThrowoverError } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/step.ts';
import type { GatewayControl } from './gateway-control.ts';

/** Every gateway can be told to hold and to deliver. */
export function gatewaysReady(gateways: readonly GatewayControl[]): Guard {
  return {
    name: 'gateways-ready',
    title: 'Every webhook gateway answers',
    check: async () => {
      const answers = await Promise.allSettled(gateways.map((gateway) => gateway.status()));
      return answers.flatMap((answer) => {
        if (answer.status === 'fulfilled') return [];
        if (!isThrowoverError(answer.reason)) throw answer.reason;
        return [{ error: answer.reason, override: null }];
      });
    },
  };
}
