import { quantileSorted } from 'simple-statistics';
import type { Clock } from '../kernel/kernel.ts';

/** Period over which the peak is taken, s. */
const windowSeconds = 60;

/**
 * The peak is that of a typical (median) second: half of the seconds may be busier. A stall piles
 * up requests for seconds, and capacity for such a pile would be many times the need of the
 * traffic; the burst factor of the sizing is the reserve instead.
 */
const peakQuantile = 0.5;

/** Counts the requests in service, and remembers the highest count of each of the last 60 s. */
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

  /** The count is noted before it falls: a request that ends now was in service until now. */
  leave(): void {
    this.#note();
    this.#now -= 1;
  }

  /** Returns the median over the last seconds of the highest count in each second. */
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
