import { systemClock } from 'throwover/kernel';

/** How long a quick bench may take from the start of its process, ms. */
const quickMs = 50_000;

/** Time that is kept for stopping what was started, ms: two regions take 2 to 4 s. */
const endMs = 6_000;

/**
 * The time that a bench has left. A quick one leaves out what no longer fits, and says what: its
 * figures have smaller counts, never other meanings.
 */
export class TimeLeft {
  /** The rounds and cases that were left out, as text for people. */
  readonly leftOut: string[] = [];
  readonly #longestMs = new Map<string, number>();
  readonly #untilMs: number;
  readonly #nowMs: () => number;
  readonly #say: (line: string) => void;

  constructor(
    quick: boolean,
    say: (line: string) => void,
    // Counts from the start of the process, so that loading it is included.
    nowMs: () => number = systemClock.monotonicMs,
  ) {
    this.#untilMs = quick ? quickMs - endMs : Number.POSITIVE_INFINITY;
    this.#nowMs = nowMs;
    this.#say = say;
  }

  /** Does the work and keeps how long it took, as the cost of its kind. */
  async timed<T>(kind: string, work: () => Promise<T>): Promise<T> {
    const begunMs = this.#nowMs();
    const done = await work();
    const tookMs = this.#nowMs() - begunMs;
    this.#longestMs.set(kind, Math.max(tookMs, this.#longestMs.get(kind) ?? 0));
    if (Number.isFinite(this.#untilMs)) this.#say(`${kind}: ${(tookMs / 1_000).toFixed(1)} s`);
    return done;
  }

  /**
   * Returns whether one of each kind still fits, by the longest of each so far; a kind that was
   * never timed costs nothing. If not, `what` is left out.
   */
  fits(kinds: readonly string[], what: string): boolean {
    const costMs = kinds.reduce((sum, kind) => sum + (this.#longestMs.get(kind) ?? 0), 0);
    if (this.#nowMs() + costMs <= this.#untilMs) return true;
    this.leftOut.push(what);
    this.#say(`left out, because it would not end in time: ${what}`);
    return false;
  }
}
