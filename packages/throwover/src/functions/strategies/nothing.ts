import type { Strategy } from './strategy.ts';

/** Requests start the instances that they need, and wait for them. */
export const nothing: Strategy = {
  name: 'nothing',
  says: 'nothing is warmed: the first requests wait for their instances',
  arm: () => [],
  approach: () => [],
  ask: () => [],
  settle: () => [],
  cost: () => ({ perWindow: 0, perYear: 0 }),
};
