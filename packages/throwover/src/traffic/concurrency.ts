import { quantileSorted } from 'simple-statistics';
import type { Clock } from '../kernel/kernel.ts';

/** How far back the peak looks, s. */
const windowSeconds = 60;

/**
 * The busiest moment of a typical second: every other second may be busier. A stall piles requests up
 * for seconds, and capacity sized for such a pile would be many times what the traffic needs; the
 * sizing's burst factor is the reserve instead.
 */
const peakQuantile = 0.5;

/** Counts what is in service at once, and remembers the highest count of each of the last 60 s. */
export class Concurrency {
  #now = 0;
  /** Highest count in a second of the monotonic clock; at most 61 entries. */
  readonly #peaks = new Map<number, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get now(): number {
    return this.#now;
  }

  enter(): void {
    this.#now += 1;
    this.#note();
  }

  /** Noted before the count falls: a request that ends now was in service until now. */
  leave(): void {
    this.#note();
    this.#now -= 1;
  }

  /** The highest count in a second that every other second did not exceed. */
  peak(): number {
    this.#forget();
    const peaks = [...this.#peaks.values(), this.#now].sort((a, b) => a - b);
    return Math.ceil(quantileSorted(peaks, peakQuantile));
  }

  #note(): void {
    const second = this.#second();
    const before = this.#peaks.get(second);
    if (before === undefined) this.#forget();
    if (before === undefined || before < this.#now) this.#peaks.set(second, this.#now);
  }

  #forget(): void {
    const oldest = this.#second() - windowSeconds;
    for (const second of this.#peaks.keys()) {
      if (second >= oldest) break;
      this.#peaks.delete(second);
    }
  }

  #second(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }
}
