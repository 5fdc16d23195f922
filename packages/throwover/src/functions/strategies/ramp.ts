import { rampTraffic } from '../ramp-step.ts';
import { nothing } from './nothing.ts';
import type { Strategy } from './strategy.ts';

/**
 * Traffic itself warms the new region, in steps that p99 and errors allow. Does nothing in a
 * failover.
 */
export const ramp: Strategy = {
  ...nothing,
  name: 'ramp',
  says: 'more and more requests go there before the switch; only where both sides can serve',
  approach: ({ to, clock, ramp: parts }) =>
    parts === null ? [] : [rampTraffic({ to: to.region, clock, ...parts })],
};
