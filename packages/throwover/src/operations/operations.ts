/**
 * Everything that acts on a service without a person, and what a person's command shares with it.
 * It knows ports and no adapter: `throwover serve` runs it on real regions, the simulation on its
 * models.
 *
 *   operated.ts         the port: one service, with its regions, its store and its runs
 *   planned-run.ts      plans a run
 *   carry-on.ts         what a second controller needs to carry on a run that is open
 *   forecast-before.ts  the forecast that a run is scored by afterwards
 *   unattended.ts       carries a run out without an operator watching
 *   caretaker.ts        carries on runs whose controller is gone
 *   standing.ts         fails over by a mandate that was given ahead of time
 *   closures.ts         tells people that somebody else opens or closes a database
 *   control-plane-in.ts the parts of the control plane in a region (A6)
 *   doorkeeper.ts       sets doors that have not heard of the present epoch
 *
 * A8: nothing here fails back, and nothing here acts while automation is halted.
 */
export { caretake } from './caretaker.ts';
export { carriedOn, earlierKind, expectations, type WhatToDo } from './carry-on.ts';
export { watchClosures } from './closures.ts';
export { controlPlaneIn } from './control-plane-in.ts';
export { keepDoors } from './doorkeeper.ts';
export { type ForecastBefore, forecastBefore } from './forecast-before.ts';
export type { Operated } from './operated.ts';
export { type PlannedRun, planFor } from './planned-run.ts';
export { keepStanding, type StandingPolicy } from './standing.ts';
