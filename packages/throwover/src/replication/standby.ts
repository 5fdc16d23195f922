import type { DatabaseSide, DatabaseStatus } from '../authority/authority.ts';

/**
 * The new side of one run, as this controller sees it. The last status that `catch-up` saw is the
 * first look of `promote`: no writes happen between the two, and the guard decides by its own look.
 */
export class Standby {
  readonly side: DatabaseSide;
  #caughtUp: DatabaseStatus | null = null;

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

  /** Returns the status that `catch-up` saw, once; afterwards a new one. */
  async look(): Promise<DatabaseStatus> {
    const seen = this.#caughtUp;
    this.#caughtUp = null;
    return seen ?? this.side.status();
  }

  /**
   * Asks for the status only to open the connection before its answer counts; an idle connection
   * may have been closed.
   */
  warmUp(): void {
    this.side.status().catch(() => {});
  }
}
