/**
 * Strategies against cold functions: the steps that each adds to a run, and its price.
 *
 *   strategy.ts             the type of a strategy
 *   nothing.ts              the comparison
 *   provisioned.ts          capacity for the window, or all year
 *   warm-up-invocations.ts  invocations at once
 *   ramp.ts                 the traffic itself, in steps
 *   recommend.ts            recommends one, by measurements and cost
 */
import type { StrategyName } from '../../service/service.ts';
import { nothing } from './nothing.ts';
import { alwaysOn, provisionedWindow } from './provisioned.ts';
import { ramp } from './ramp.ts';
import type { Strategy } from './strategy.ts';
import { warmUpInvocations } from './warm-up-invocations.ts';

export const strategies: Readonly<Record<StrategyName, Strategy>> = {
  'always-on': alwaysOn,
  'provisioned-window': provisionedWindow,
  'warm-up-invocations': warmUpInvocations,
  ramp,
  nothing,
};
