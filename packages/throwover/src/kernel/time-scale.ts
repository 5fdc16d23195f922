/**
 * The relation between life time and time here.
 *
 * In the lab, waits that last minutes in production (TTLs, holdover, retry backoff) are shorter by
 * this factor; the work of machines (a promotion, a cold start) never is. It is made where the
 * number is read, from a file or a record; no other product code calculates with the number.
 */
export class TimeScale {
  /** 60: a minute of life time is a second here. Only for records and texts. */
  readonly factor: number;

  constructor(factor: number) {
    this.factor = factor;
  }

  /** Returns how long a wait of life time lasts here, in the same unit. */
  real(life: number): number {
    return life / this.factor;
  }

  /** Returns how long a wait that was measured here lasts in life time, in the same unit. */
  life(real: number): number {
    return real * this.factor;
  }
}

/** The scale in production: a minute is a minute. */
export const unscaled = new TimeScale(1);
