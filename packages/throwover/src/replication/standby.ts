import type { DatabaseSide, DatabaseStatus } from '../authority/authority.ts';
import type { Clock } from '../kernel/kernel.ts';
import { positionPollMs } from './timings.ts';

/**
 * Oldest status, counted from its answer, that still counts, ms: two polls. An older one says too
 * little about whether the new side lives, and a promotion that was asked of a dead side cannot be
 * taken back.
 */
const freshMs = 2 * positionPollMs;

/**
 * The new side of one run, as this controller sees it. The last status that `catch-up` saw is the
 * first look of `promote`: no writes happen between the two, and the guard decides by its own look.
 */
export class Standby {
  readonly side: DatabaseSide;
  #caughtUp: DatabaseStatus | null = null;
  #asked: { readonly status: DatabaseStatus; readonly atMs: number } | null = null;

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
      // Nobody waits for this: a failure is left to the question that counts.
      const status = await this.side.status().catch(() => null);
      this.#asked = status === null ? null : { status, atMs: clock.monotonicMs() };
      await clock.sleep(positionPollMs, over.signal).catch(() => {});
    }
  }

  /** Returns the newest status that was asked for while the fence closed, once; else a new one. */
  async newest(clock: Clock): Promise<DatabaseStatus> {
    const asked = this.#asked;
    this.#asked = null;
    const fresh = asked !== null && clock.monotonicMs() - asked.atMs <= freshMs;
    return fresh ? asked.status : this.side.status();
  }

  /** Returns the status that `catch-up` saw, once; afterwards a new one. */
  async look(): Promise<DatabaseStatus> {
    const seen = this.#caughtUp;
    this.#caughtUp = null;
    return seen ?? this.side.status();
  }
}
