import type { Clock } from 'throwover/kernel';
import { scaleUpWindowMs } from './config.ts';

/**
 * How fast on-demand environments may be added: a bucket of `limit` starts that refills evenly over
 * `scaleUpWindowMs`. This is Lambda's own rule for one function, with a smaller number.
 */
export class ScaleUp {
  readonly #limit: number;
  readonly #clock: Clock;
  #tokens: number;
  #atMs: number;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
    this.#tokens = limit;
    this.#atMs = clock.monotonicMs();
  }

  /** Returns true when one more environment may start now. */
  take(): boolean {
    const now = this.#clock.monotonicMs();
    const refill = ((now - this.#atMs) / scaleUpWindowMs) * this.#limit;
    this.#tokens = Math.min(this.#limit, this.#tokens + refill);
    this.#atMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
