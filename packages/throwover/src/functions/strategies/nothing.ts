import type { Strategy } from './strategy.ts';

/** Requests start what they need, and wait for it. */
export const nothing: Strategy = {
  name: 'nothing',
  says: 'nothing is warmed: the first requests wait for their instances',
  arm: () => [],
  approach: () => [],
  ask: () => [],
  settle: () => [],
  cost: () => ({ perWindow: 0, perYear: 0 }),
};
