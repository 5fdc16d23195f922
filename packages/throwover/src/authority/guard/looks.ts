import type { Clock } from '../../kernel/kernel.ts';
import type { Turns } from './memory.ts';
import type { DatabaseLook, GuardedDatabase } from './ports.ts';

/** Longest age of a look that a promotion still uses, ms: enough for a controller in the same region. */
const freshMs = 100;

/**
 * Remembers the look of the last status. A switchover's controller asks for the status until this
 * side has received everything, and then promotes it. No region takes writes meanwhile, and a second
 * look would take 1.4 ms of that time (measured at 0 ms latency, 2026-11-30).
 *
 * A look counts only if no command was going on when it began, and none came since. The facts that a
 * promotion uses cannot have become wrong since: this side still has what it had received, and the
 * statement that promotes it checks that it is a standby of the same cluster.
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
    // Two statuses may overlap: keep the look that began later.
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
