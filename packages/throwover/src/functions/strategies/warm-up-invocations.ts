import { invocationsCost } from '../cost/cost.ts';
import { askByInvocations, warmByInvocations } from '../warm-up-steps.ts';
import type { Strategy } from './strategy.ts';

const strategy = 'warm-up-invocations';

/** Rounds and hold time of an estimate: two rounds of a second each. */
const estimated = { rounds: 2, holdMs: 1_000 };

/**
 * Sends as many invocations at the same time as instances are needed; the wrapper of
 * @throwover/client answers them.
 */
export const warmUpInvocations: Strategy = {
  name: strategy,
  says: 'invocations that come at once start the instances; needs withWarmUp of @throwover/client',
  arm: ({ to, needed }) => [warmByInvocations({ to, needed, strategy })],
  approach: () => [],
  ask: ({ to, neededIfKnown: needed }) => [askByInvocations({ to, needed, strategy })],
  settle: () => [],
  cost: ({ prices, instances, memoryMb, windows, initMs }) =>
    invocationsCost({
      prices,
      requests: estimated.rounds * instances,
      billedMs: instances * (estimated.rounds * estimated.holdMs + (initMs ?? 0)),
      memoryMb,
      windowsPerYear: windows.perYear,
    }),
};
