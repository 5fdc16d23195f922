import type { DatabaseSide, DatabaseStatus } from '../authority/database-side.ts';

/**
 * The new side of one run, as this controller sees it. What `catch-up` saw last is the first look of
 * `promote`: nobody can write between the two, and the guard decides by what it sees itself.
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

  /** It has everything: the next look may be this one. */
  caughtUp(status: DatabaseStatus): void {
    this.#caughtUp = status;
  }

  /** What `catch-up` saw, once; after that what is. */
  async look(): Promise<DatabaseStatus> {
    const seen = this.#caughtUp;
    this.#caughtUp = null;
    return seen ?? this.side.status();
  }

  /** Asked for nothing but that the way there is open when its answer counts; a connection that idled may be closed. */
  warmUp(): void {
    this.side.status().catch(() => {});
  }
}
