import type { DatabaseSide, DatabaseStatus } from '../authority/authority.ts';
import type { Clock } from '../kernel/kernel.ts';
import { catchUpPollMs } from './timings.ts';

/**
 * Oldest status, counted from its answer, that still counts, ms: about two questions with their
 * answers within one region. An older one says too
 * little about whether the new side lives, and a promotion that was asked of a dead side cannot be
 * taken back.
 */
const freshMs = 10;

/**
 * The new side of one run, as this controller sees it. The last status that `catch-up` saw is the
 * first look of `promote`: no writes happen between the two, and the guard decides by its own look.
 */
export class Standby {
  readonly side: DatabaseSide;
  #caughtUp: DatabaseStatus | null = null;
  #asked: { readonly status: DatabaseStatus; readonly atMs: number } | null = null;
  #asking: Promise<DatabaseStatus | null> | null = null;

  constructor(side: DatabaseSide) {
    this.side = side;
  }

  get region(): string {
    return this.side.region;
  }

  /** Notes that the standby has everything; the next look returns this status. */
  caughtUp(status: DatabaseStatus): void {
    this.#caughtUp = status;
  }

  /**
   * Asks for the status again and again until `ends` does: the fence's answer may then find that
   * this side has everything already, and no round trip is spent while no region takes writes.
   */
  async askUntil(ends: Promise<unknown>, clock: Clock): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    ends.then(end, end);
    while (!over.signal.aborted) {
      // A failure is left to the question that counts.
      this.#asking = this.side.status().catch(() => null);
      const status = await this.#asking;
      this.#asking = null;
      this.#asked = status === null ? null : { status, atMs: clock.monotonicMs() };
      await clock.sleep(catchUpPollMs, over.signal).catch(() => {});
    }
  }

  /**
   * Returns the newest status that was asked for while the fence closed, once; else the one that is
   * on its way, else a new one.
   */
  async newest(clock: Clock): Promise<DatabaseStatus> {
    const asked = this.#asked;
    this.#asked = null;
    const fresh = asked !== null && clock.monotonicMs() - asked.atMs <= freshMs;
    if (fresh) return asked.status;
    return (await this.#asking) ?? this.side.status();
  }

  /** Returns the status that `catch-up` saw, once; afterwards a new one. */
  async look(): Promise<DatabaseStatus> {
    const seen = this.#caughtUp;
    this.#caughtUp = null;
    return seen ?? this.side.status();
  }
}
