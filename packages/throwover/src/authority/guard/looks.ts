import type { Clock } from '../../kernel/kernel.ts';
import type { Turns } from './memory.ts';
import type { DatabaseLook, GuardedDatabase } from './ports.ts';

/** Longest age of a look that a promotion still uses, ms: a controller's way from one call to the next. */
const freshMs = 100;

/**
 * Remembers the look of the last status. A switchover's controller asks for the status until this
 * side has received everything, and then promotes it: no region takes writes meanwhile, and a second
 * look would say the same. Only a look counts that began when no command was going on, and after which none came. What a promotion needs of
 * it cannot have become wrong since: what was received is still there, and the database checks in
 * the statement that promotes it that it is a standby, and of the same cluster.
 */
export class Looks {
  readonly #clock: Clock;
  readonly #database: GuardedDatabase;
  readonly #effects: Turns;
  #last: { readonly look: DatabaseLook; readonly atMs: number; readonly taken: number } | null =
    null;

  constructor(options: { clock: Clock; database: GuardedDatabase; effects: Turns }) {
    this.#clock = options.clock;
    this.#database = options.database;
    this.#effects = options.effects;
  }

  async now(): Promise<DatabaseLook> {
    const { taken, idle } = this.#effects;
    const atMs = this.#clock.monotonicMs();
    const look = await this.#database.look();
    // Of two statuses at once, the one that was asked for later counts.
    if (this.#last === null || this.#last.atMs <= atMs) {
      this.#last = idle ? { look, atMs, taken } : null;
    }
    return look;
  }

  /** For work that has its turn: a fresh look from before it, if no other work had a turn since. */
  beforeThisTurn(): DatabaseLook | null {
    const last = this.#last;
    if (last === null || last.taken !== this.#effects.taken - 1) return null;
    return this.#clock.monotonicMs() - last.atMs <= freshMs ? last.look : null;
  }
}
