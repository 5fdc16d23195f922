import type { Position } from '@throwover/client';
import type { Memory } from './memory.ts';
import type { GuardedDatabase } from './ports.ts';

/**
 * The application's way into the database. Whether it is to be open is written down first; an effect that
 * fails after that leaves a door of which nobody knows how it stands. It is repeated until it has done
 * what is written, else a failed open is an outage without an end, and a failed close a second writer.
 */
export class Door {
  readonly #database: GuardedDatabase;
  readonly #memory: Memory;
  #unsure = false;

  constructor(database: GuardedDatabase, memory: Memory) {
    this.#database = database;
    this.#memory = memory;
  }

  /** The last open or close did not end. */
  get unsure(): boolean {
    return this.#unsure;
  }

  async open(): Promise<void> {
    this.#unsure = true;
    await this.#database.open();
    this.#unsure = false;
  }

  /** A position that covers everything that was acknowledged; `null` on a standby. */
  async close(options: { openTransactionsMs: number }): Promise<Position | null> {
    this.#unsure = true;
    const position = await this.#database.close(options);
    this.#unsure = false;
    return position;
  }

  /** As it is written down. */
  async settle(): Promise<void> {
    if (this.#memory.current.closed === null) await this.open();
    else await this.close({ openTransactionsMs: 0 });
  }
}
