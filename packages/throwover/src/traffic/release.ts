import type { ServerResponse } from 'node:http';
import type { Clock } from '../kernel/kernel.ts';

/**
 * Number of held requests that are released at the same time if hardly any were in service before.
 */
const leastReleased = 4;

/**
 * A released request that takes longer than this lets one more go, ms, so that requests that hang
 * do not delay the rest.
 */
const slowMs = 250;

/** A released request that takes longer than this is no longer waited for, ms. */
const hangsMs = 5_000;

/**
 * Releases held requests in the order of their arrival: as many at the same time as are usual here,
 * and one more for each that is answered. If all were released at once, that would be a peak for
 * which no capacity was warmed. Slow ones let as many again go, and not more: a region that is
 * slow would be slower with each of them.
 */
export class Release<Held extends { readonly res: ServerResponse }> {
  readonly #clock: Clock;
  readonly #take: () => Held | undefined;
  readonly #go: (held: Held) => void;
  /** Number that may be unanswered at the same time without the slow ones; 0: none is released. */
  #width = 0;
  #unanswered = 0;
  #slow = 0;
  readonly #ended = new AbortController();

  constructor(options: {
    clock: Clock;
    /** Returns the request that has waited longest; `undefined` if none waits. */
    take: () => Held | undefined;
    go: (held: Held) => void;
  }) {
    this.#clock = options.clock;
    this.#take = options.take;
    this.#go = options.go;
  }

  /** `usual`: number of requests that are usually in service at the same time. */
  begin(usual: number): void {
    this.#width = Math.max(leastReleased, usual);
    this.#fill();
  }

  /** Releases nothing until it begins again. */
  pause(): void {
    this.#width = 0;
  }

  end(): void {
    this.pause();
    this.#ended.abort();
  }

  #fill(): void {
    while (this.#unanswered - Math.min(this.#slow, this.#width) < this.#width) {
      const next = this.#take();
      if (next === undefined) return;
      this.#follow(next.res);
      this.#go(next);
    }
  }

  #follow(res: ServerResponse): void {
    const followed = new AbortController();
    const signal = AbortSignal.any([followed.signal, this.#ended.signal]);
    let slow = 0;
    this.#unanswered += 1;
    const leave = () => {
      if (followed.signal.aborted) return;
      followed.abort();
      this.#unanswered -= 1;
      this.#slow -= slow;
      this.#fill();
    };
    res.once('close', leave);
    this.#clock
      .sleep(slowMs, signal)
      .then(() => {
        slow = 1;
        this.#slow += 1;
        this.#fill();
        return this.#clock.sleep(hangsMs - slowMs, signal);
      })
      .then(leave, () => {});
  }
}
