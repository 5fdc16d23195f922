import { stoppable } from '../signals.ts';
import { Lab } from './lab.ts';
import type { LabOptions } from './options.ts';

/** Does the work with a lab of its own, which Ctrl-C and SIGTERM stop too (signals.ts). */
export function withLab<Result>(
  options: LabOptions,
  work: (lab: Lab) => Promise<Result>,
): Promise<Result> {
  return stoppable(() => Lab.up(options), work);
}
