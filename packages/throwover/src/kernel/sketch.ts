/**
 * Counts of values in buckets whose borders grow by a constant ratio (the logarithmic buckets of
 * DDSketch, Masson et al., VLDB 2019). A quantile is at most `relativeError` too high or too low,
 * for any number of values. Two sketches merge exactly into the sketch of all their values.
 *
 * It is written here because no npm library is suitable: `@datadog/sketches-js` 2.1.1 cannot be
 * serialised without a package that it does not declare and its `merge` drops negative values;
 * `tdigest` bounds the error of the rank, not of the value; `hdr-histogram-js` 3 accepts only
 * integers in a range that is fixed in advance.
 */
export class QuantileSketch {
  readonly #counts = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a value `times` times. Values up to `smallest` count as 0. */
  add(value: number, times = 1): void {
    const bucket = value > smallest ? Math.ceil(Math.log(value) / logRatio) : zeroBucket;
    this.#put(bucket, times);
  }

  merge(other: QuantileSketch): void {
    for (const [bucket, count] of other.#counts) this.#put(bucket, count);
  }

  /**
   * Returns the nearest-rank quantile: the value such that `share` (0 to 1) of the values are at or
   * below it; `null` if there is no value.
   */
  quantile(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const bucket of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(bucket) ?? 0;
      if (seen >= rank) return middleOf(bucket);
    }
    return null;
  }

  /** `[bucket, count]` of each bucket that has a value. */
  toJSON(): SketchJson {
    return [...this.#counts];
  }

  static of(json: SketchJson): QuantileSketch {
    const sketch = new QuantileSketch();
    for (const [bucket, count] of json) sketch.#put(bucket, count);
    return sketch;
  }

  #put(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#count += count;
  }
}

export type SketchJson = readonly (readonly [bucket: number, count: number])[];

/**
 * Largest difference between a quantile and the true value, as a share of the true value. Sketches
 * on disk were made with it, so changing it needs a migration.
 */
export const relativeError = 0.01;

/** A microsecond when values are ms; shorter values are not measured. */
const smallest = 0.001;

const ratio = (1 + relativeError) / (1 - relativeError);
const logRatio = Math.log(ratio);

/** The bucket below that of the smallest value. */
const zeroBucket = Math.ceil(Math.log(smallest) / logRatio) - 1;

/**
 * The middle of a bucket: its relative distance to the lower border and to the upper border is the
 * same.
 */
function middleOf(bucket: number): number {
  return bucket === zeroBucket ? 0 : (2 * ratio ** bucket) / (ratio + 1);
}
