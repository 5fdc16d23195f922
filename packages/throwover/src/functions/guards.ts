import { isThrowoverError, parityDifferences } from '../kernel/kernel.ts';
import type { Guard } from '../runbook/runbook.ts';
import { functionErrors } from './errors.ts';
import type { FunctionRegion } from './function-region.ts';

/**
 * The guard that the function is the same in both regions, so that test results from one are valid
 * in the other.
 */
export function functionsReady(options: { from: FunctionRegion; to: FunctionRegion }): Guard {
  return {
    name: 'functions-ready',
    title: `The function is alike in ${options.from.region} and ${options.to.region}`,
    check: async () => {
      const [from, to] = await Promise.all([options.from.facts(), options.to.facts()]);
      const differ = parityDifferences(from, to);
      if (differ === null) return [];
      const message = `the functions differ in ${differ.names}`;
      return [
        {
          error: functionErrors.make('functions-differ', message, differ.evidence),
          override: 'different-functions',
        },
      ];
    },
  };
}

/**
 * Override that accepts fewer warm instances than the traffic needs: as many as the limits allow.
 */
export const smallQuota = 'small-functions-quota';

/**
 * The guard that the new region may run as many instances as the traffic needs, for every strategy,
 * because no strategy can exceed a quota. An unknown number is no refusal; the step `warm` reports
 * it.
 */
export function enoughRoom(options: {
  to: FunctionRegion;
  needed: () => Promise<number | null>;
}): Guard {
  return {
    name: 'functions-room',
    title: `${options.to.region} may run as many function instances as the traffic needs`,
    check: async () => {
      try {
        await options.needed();
        return [];
      } catch (error) {
        if (!isThrowoverError(error, 'functions-quota')) throw error;
        return [{ error, override: smallQuota }];
      }
    },
  };
}
