import type { StrategyName } from '../../service/service.ts';
import { alwaysOnCost, provisionedWindowCost } from '../cost/cost.ts';
import { askForWarm, keepWarm, release, warm } from '../steps.ts';
import type { Strategy } from './strategy.ts';

const provisioned = (strategy: StrategyName): Omit<Strategy, 'says' | 'cost'> => ({
  name: strategy,
  arm: ({ to, needed }) => [warm({ to, needed, strategy })],
  approach: () => [],
  ask: ({ to, neededIfKnown: needed }) => [askForWarm({ to, needed, strategy })],
  settle: ({ to, keepMs, clock }) => [keepWarm({ keepMs, clock }), release({ to })],
});

/**
 * Provisioned instances for the window: the run requests them, waits until all are ready, and
 * releases them afterwards.
 */
export const provisionedWindow: Strategy = {
  ...provisioned('provisioned-window'),
  says: 'provisioned instances from before the switch until some minutes after it',
  cost: provisionedWindowCost,
};

/**
 * The team keeps provisioned instances in both regions all the time. A run checks whether they are
 * enough, adds missing ones, and afterwards releases only those that it added.
 */
export const alwaysOn: Strategy = {
  ...provisioned('always-on'),
  says: 'provisioned instances in both regions all the time',
  cost: alwaysOnCost,
};
