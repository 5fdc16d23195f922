import {
  type Clock,
  type Evidence,
  isThrowoverError,
  type ThrowoverError,
} from '../kernel/kernel.ts';
import type { Observation } from './step.ts';

/** Short forms for the results of a step's `observe`. */
export const done = (evidence: Evidence): Observation => ({ state: 'done', evidence });
export const pending = (evidence: Evidence): Observation => ({ state: 'pending', evidence });
export const refused = (error: ThrowoverError): Observation => ({ state: 'refused', error });

/**
 * Observes, and turns a missing answer into `unknown` instead of a failure: unreachable is not
 * dead. Errors of disposition `stop` or `page` are answers, and refuse the step.
 */
export async function look(observe: () => Promise<Observation>): Promise<Observation> {
  try {
    return await observe();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    const answered = error.disposition === 'stop' || error.disposition === 'page';
    return { state: answered ? 'refused' : 'unknown', error };
  }
}

/**
 * Observes something that the run can do without: if there is no answer for `ms`, it counts as
 * done, and the evidence says that it was not seen.
 */
export class Patience {
  readonly #ms: number;
  #sinceMs: number | null = null;

  constructor(ms: number) {
    this.#ms = ms;
  }

  async look(clock: Clock, observe: () => Promise<Observation>): Promise<Observation> {
    this.#sinceMs ??= clock.monotonicMs();
    const seen = await look(observe);
    if (seen.state !== 'unknown') return seen;
    const waitedMs = clock.monotonicMs() - this.#sinceMs;
    return waitedMs >= this.#ms ? done({ notSeen: seen.error.code, waitedMs }) : seen;
  }
}
