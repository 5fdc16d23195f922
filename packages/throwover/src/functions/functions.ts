/**
 * Truth 2: functions are cold in the standby.
 *
 *   function-region.ts  port: one function in one region; conformance.ts: its contract as tests
 *   use.ts              usage of the active region, as its door or the provider counts it
 *   sizing.ts           how many instances the traffic needs, and how fast they come by themselves
 *   steps.ts            provisioned instances: warm, keep warm, release
 *   warm-up-steps.ts    instances started by invocations
 *   ramp.ts             moves traffic in steps, pure; ramp-step.ts: the step of a run
 *   strategies/         the ways to be warm, each with its steps and its price
 *   cost/               dated prices, the cost of each strategy and each run
 *   held-capacity.ts    capacity that a run left behind
 *   guards.ts           guards: the function is the same in both regions, and there is room for it
 *   outcomes.ts         what the steps leave in the journal
 *   errors.ts           errors for users
 */
export { type Cost, quarterlyWindows } from './cost/cost.ts';
export { type Prices, pricesOf, shippedPrices } from './cost/prices.ts';
export { runCost, warmthOfRun } from './cost/run-cost.ts';
export { functionErrors } from './errors.ts';
export type { FunctionFacts, FunctionRegion, WarmUpRound } from './function-region.ts';
export { enoughRoom, functionsReady, smallQuota } from './guards.ts';
export { type HeldCapacity, heldCapacity } from './held-capacity.ts';
export { warmed } from './outcomes.ts';
export { defaultRamp, type RampPolicy } from './ramp.ts';
export type { ShareOfTraffic } from './ramp-step.ts';
export { littlesLaw, neededInstances, onDemandMs, room } from './sizing.ts';
export { medianOf, recommend } from './strategies/recommend.ts';
export { strategies } from './strategies/strategies.ts';
export type { StrategyParts } from './strategies/strategy.ts';
export { type FunctionMetrics, type FunctionUse, type MetricMinute, useOf } from './use.ts';
