import {
  type Clock,
  type Evidence,
  isThrowoverError,
  type ThrowoverError,
} from '../kernel/kernel.ts';
import type { Observation, StepContext } from './step.ts';

/** Short forms for what a step's `observe` answers. */
export const done = (evidence: Evidence): Observation => ({ state: 'done', evidence });
export const pending = (evidence: Evidence): Observation => ({ state: 'pending', evidence });
export const refused = (error: ThrowoverError): Observation => ({ state: 'refused', error });

/**
 * Looks, and turns "no answer" into `unknown` instead of a failure: unreachable is not dead.
 * Errors of disposition `stop` or `page` are answers, and refuse the step.
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

/** Evidence that an earlier step of this run left in the journal; empty when it left none. */
export function evidenceOf(context: StepContext, step: string): Evidence {
  return context.outcomes.get(step) ?? {};
}

/**
 * Looks at something that the run can do without: what gives no answer for `ms` counts as done, and
 * the evidence says that it was not seen.
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
