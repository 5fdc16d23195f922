import { quantileSorted } from 'simple-statistics';
import type { Clock } from '../kernel/kernel.ts';

/** How far back the peak looks, s. */
const windowSeconds = 60;

/**
 * One second in ten may be busier: a stall of a second piles requests up, and capacity sized for that
 * pile would be many times what the traffic needs. The sizing's burst factor is the reserve instead.
 */
const peakQuantile = 0.9;

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

  /** The highest count in a second that nine of ten seconds did not exceed. */
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
