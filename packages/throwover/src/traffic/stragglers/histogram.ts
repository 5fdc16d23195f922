/** Ratio of two neighbouring bounds: a quantile is at most 5 % too high. */
const growth = 1.05;

/** Smallest value that is distinguished, ms. */
const smallestMs = 0.01;

/** Number of bins of 5 % for a little more than a day: the bound on memory. */
const maxBin = Math.ceil(Math.log(86_400_000 / smallestMs) / Math.log(growth));

/** Durations counted in bins of 5 %, in bounded memory. */
export class Histogram {
  readonly #bins = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    const bin = binOf(ms);
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1);
    this.#count += 1;
  }

  addAll(other: Histogram): void {
    for (const [bin, count] of other.#bins) this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + count);
    this.#count += other.#count;
  }

  /**
   * Returns the upper bound of the bin that contains the quantile, ms; `null` when nothing was
   * added.
   */
  quantile(q: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (const bin of [...this.#bins.keys()].sort((a, b) => a - b)) {
      seen += this.#bins.get(bin) ?? 0;
      if (seen >= rank) return boundOf(bin);
    }
    return null;
  }

  /**
   * Returns the number of values above `ms`; a value in the same bin of 5 % counts as not above.
   */
  above(ms: number): number {
    const bin = binOf(ms);
    let count = 0;
    for (const [at, n] of this.#bins) if (at > bin) count += n;
    return count;
  }
}

const binOf = (ms: number) =>
  ms <= smallestMs ? 0 : Math.min(maxBin, Math.ceil(Math.log(ms / smallestMs) / Math.log(growth)));

const boundOf = (bin: number) => smallestMs * growth ** bin;
