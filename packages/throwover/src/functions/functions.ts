/**
 * Truth 2: functions are cold in the standby.
 *
 *   function-region.ts  port: one function in one region
 *   use.ts              what the active region uses, by its door's or the provider's count
 *   sizing.ts           how many instances the traffic needs, and how fast they come by themselves
 *   steps.ts            provisioned instances: warm, keep warm, release
 *   warm-up-steps.ts    instances started by invocations
 *   ramp.ts             traffic in steps, pure; ramp-step.ts does it
 *   strategies/         the ways to be warm, each with its steps and its price
 *   cost/               dated prices, what each strategy and each run costs
 *   held-capacity.ts    capacity that a run left behind
 *   guards.ts           the function is alike in both regions, and there is room for it
 *   errors.ts           what a user can meet
 */
export { type Cost, quarterlyWindows } from './cost/cost.ts';
export { checkPrices, type Prices, shippedPrices } from './cost/prices.ts';
export { runCost, warmthOfRun } from './cost/run-cost.ts';
export { enoughRoom, functionsReady, smallQuota } from './guards.ts';
export { type HeldCapacity, heldCapacity } from './held-capacity.ts';
export { defaultRamp, type RampPolicy } from './ramp.ts';
export type { ShareOfTraffic } from './ramp-step.ts';
export { littlesLaw, neededInstances, onDemandMs, room } from './sizing.ts';
export { medianOf, recommend } from './strategies/recommend.ts';
export { strategies } from './strategies/strategies.ts';
export type { StrategyParts } from './strategies/strategy.ts';
export { type FunctionMetrics, type FunctionUse, useOf } from './use.ts';
