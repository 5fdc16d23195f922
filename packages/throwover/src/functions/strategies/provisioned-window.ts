import { provisionedWindowCost } from '../cost/cost.ts';
import { askForWarm, keepWarm, release, warm } from '../steps.ts';
import type { Strategy } from './strategy.ts';

const strategy = 'provisioned-window';

/**
 * Provisioned instances for the window: the run requests them, waits until all are ready, and
 * releases them afterwards.
 */
export const provisionedWindow: Strategy = {
  name: strategy,
  says: 'provisioned instances from before the switch until some minutes after it',
  arm: ({ to, needed }) => [warm({ to, needed, strategy })],
  approach: () => [],
  ask: ({ to, neededIfKnown: needed }) => [askForWarm({ to, needed, strategy })],
  settle: ({ to, keepMs, clock }) => [keepWarm({ keepMs, clock }), release({ to })],
  cost: provisionedWindowCost,
};
