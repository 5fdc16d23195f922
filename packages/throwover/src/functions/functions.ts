/**
 * Truth 2: functions are cold in the standby.
 *
 *   function-region.ts  port: one function in one region
 *   sizing.ts           how many instances the traffic needs
 *   steps.ts            warm, keep warm, release
 *   guards.ts           the function is alike in both regions
 *   errors.ts           what a user can meet
 */
export { functionsReady } from './guards.ts';
export { neededInstances } from './sizing.ts';
export { askForWarm, keepWarm, release, warm } from './steps.ts';
