import { alwaysOnCost } from '../cost/cost.ts';
import { askForWarm, keepWarm, release, warm } from '../steps.ts';
import type { Strategy } from './strategy.ts';

const strategy = 'always-on';

/**
 * The team keeps provisioned instances in both regions all the time. A run checks whether they are
 * enough, adds missing ones, and afterwards releases only those that it added.
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
