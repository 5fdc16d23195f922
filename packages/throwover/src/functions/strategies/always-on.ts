import { alwaysOnCost } from '../cost/cost.ts';
import { askForWarm, keepWarm, release, warm } from '../steps.ts';
import type { Strategy } from './strategy.ts';

const strategy = 'always-on';

/**
 * Provisioned instances stand in both regions all the time, put there by the team. A run looks whether
 * they are enough; what is missing it adds, and gives back afterwards: never what the team had.
 */
export const alwaysOn: Strategy = {
  name: strategy,
  says: 'provisioned instances in both regions all the time',
  arm: ({ to, needed }) => [warm({ to, needed, strategy })],
  approach: () => [],
  ask: ({ to, neededIfKnown: needed }) => [askForWarm({ to, needed, strategy })],
  settle: ({ to, keepMs, clock }) => [keepWarm({ keepMs, clock }), release({ to })],
  cost: alwaysOnCost,
};
