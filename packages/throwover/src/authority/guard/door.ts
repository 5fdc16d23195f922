import type { Position } from '@throwover/client';
import type { Clock } from '../../kernel/kernel.ts';
import type { DoorSeen } from '../messages.ts';
import { type DoorVerdict, judgeDoor, restorationSpanMs, type SeenRules } from './closure.ts';
import type { Memory } from './memory.ts';
import type { DoorLook, GuardedDatabase, LoginsTried } from './ports.ts';

/**
 * Pause between two tries of logins that gave no result, ms: each try leaves a line in the server's
 * log.
 */
const triesApartMs = 10_000;

/**
 * The application's way into the database. The guard first writes down whether it is to be open,
 * then acts. If the act fails, the state of the door is not known, and the guard repeats the act
 * until it has done what is written down. Otherwise a failed open would be an outage without end,
 * and a failed close a second writer.
 *
 * The state can also change later, because others write pg_hba.conf and roles too. So the guard
 * looks at the server in each round, and reports what the server does beside what is written down.
 */
export class Door {
  readonly #database: GuardedDatabase;
  readonly #memory: Memory;
  readonly #clock: Clock;
  #unsure = false;
  #last: Pick<DoorSeen, 'door' | 'why'> | null = null;
  #lastMs = 0;
  #brokenSinceMs: number | null = null;
  /** When the guard last saw the server refuse every login, monotonic ms. */
  #closedMs: number | null = null;
  #seen: SeenRules | null = null;
  /**
   * This process has opened the door and thereby seen what the server has loaded: the rules of the
   * next look count as seen.
   */
  #justOpened = false;
  /**
   * This process has closed the door since the rules were last tried: that close changed and loaded
   * them.
   */
  #ownWork = false;
  #nextTryMs = 0;
  #restoredMs: number[] = [];

  constructor(database: GuardedDatabase, memory: Memory, clock: Clock) {
    this.#database = database;
    this.#memory = memory;
    this.#clock = clock;
  }

  /** The last open or close did not finish. */
  get unsure(): boolean {
    return this.#unsure;
  }

  /** This process has seen that the server admits the application. */
  get seenOpen(): boolean {
    return !this.#unsure && this.#last?.door === 'open';
  }

  async open(): Promise<void> {
    this.#unsure = true;
    await this.#database.open();
    this.#unsure = false;
    this.#saw({ door: 'open', why: [] });
    this.#justOpened = true;
  }

  /** Returns a position that covers everything that was acknowledged; `null` on a standby. */
  async close(options: { openTransactionsMs: number; mend?: boolean }): Promise<Position | null> {
    this.#unsure = true;
    const position = await this.#database.close(options);
    this.#unsure = false;
    this.#saw({ door: 'closed', why: [] });
    this.#ownWork = true;
    return position;
  }

  /** Opens or closes the door, as it is written down. */
  async settle(): Promise<void> {
    if (this.#memory.current.closed === null) await this.open();
    else await this.close({ openTransactionsMs: 0, mend: true });
  }

  /**
   * Compares the server with what is written down, without trying a login. `null`: there is no
   * running server to look at. `inTurn`: no command is between what it writes down and what it
   * does; if false, a difference is not reported yet.
   */
  async look({
    inTurn,
  }: {
    inTurn: boolean;
  }): Promise<{ readonly look: DoorLook; readonly verdict: DoorVerdict } | null> {
    const look = await this.#database.lookAtDoor();
    if (look === null) {
      if (inTurn) this.#last = null;
      return null;
    }
    const { closed } = this.#memory.current;
    const rules = { rules: look.rules, loaded: look.loaded };
    if (closed === null && this.#justOpened && look.refused.length === 0) this.#seen = rules;
    const verdict = judgeDoor({ closed, door: look, seen: this.#seen });
    switch (verdict.is) {
      case 'broken':
        if (!inTurn) break;
        this.#saw({ door: 'neither', why: verdict.why });
        this.#brokenSinceMs ??= this.#clock.monotonicMs();
        break;
      case 'as-written':
        this.#saw({ door: closed === null ? 'open' : 'closed', why: [] });
        this.#seen = rules;
        break;
      case 'to-be-tried':
        break;
    }
    return { look, verdict };
  }

  /** A try may be made now. A try that gave no result is not repeated at once. */
  get mayTry(): boolean {
    return this.#clock.monotonicMs() >= this.#nextTryMs;
  }

  /**
   * Tries a login, once after the rules have changed. Returns false if the result is not what is
   * written down.
   */
  async tries(look: DoorLook): Promise<boolean> {
    const tried = await this.#database.tryDoor();
    const written = this.#memory.current.closed === null ? 'admitted' : 'refused';
    if (tried === 'unknown') {
      this.#nextTryMs = this.#clock.monotonicMs() + triesApartMs;
      return true;
    }
    if (tried !== written) {
      this.#saw({ door: 'neither', why: [triedWords[tried]] });
      this.#brokenSinceMs ??= this.#clock.monotonicMs();
      return false;
    }
    this.#saw({ door: written === 'admitted' ? 'open' : 'closed', why: [] });
    this.#ownWork = false;
    this.#seen = { rules: look.rules, loaded: look.loaded };
    return true;
  }

  /**
   * No login can have succeeded since the door was last seen closed: the server has not loaded its
   * rules since, and there is no session.
   */
  stayedEmpty(look: DoorLook): boolean {
    return this.#seen !== null && this.#seen.loaded === look.loaded && look.sessions === 0;
  }

  /** Others have changed and loaded the rules since they were last tried. */
  flapped(look: DoorLook): boolean {
    const seen = this.#seen;
    if (seen === null || this.#ownWork) return false;
    return seen.rules !== look.rules && seen.loaded !== look.loaded;
  }

  /**
   * Time since the server was last seen to refuse every login, ms; `null`: this process has never
   * seen that.
   */
  closedAgoMs(): number | null {
    return this.#closedMs === null ? null : this.#clock.monotonicMs() - this.#closedMs;
  }

  /** Counts one restoration that was made or is about to be made. */
  noteRestoration(): void {
    this.#restoredMs.push(this.#clock.monotonicMs());
  }

  /** Number of restorations in the last 10 minutes. */
  get restored(): number {
    const fromMs = this.#clock.monotonicMs() - restorationSpanMs;
    this.#restoredMs = this.#restoredMs.filter((atMs) => atMs > fromMs);
    return this.#restoredMs.length;
  }

  get observed(): DoorSeen | null {
    if (this.#last === null) return null;
    const nowMs = this.#clock.monotonicMs();
    return {
      ...this.#last,
      brokenForMs: this.#brokenSinceMs === null ? null : nowMs - this.#brokenSinceMs,
      ageMs: nowMs - this.#lastMs,
      restored: this.restored,
    };
  }

  #saw(last: Pick<DoorSeen, 'door' | 'why'>): void {
    this.#last = last;
    this.#lastMs = this.#clock.monotonicMs();
    this.#justOpened = false;
    if (last.door === 'neither') return;
    this.#brokenSinceMs = null;
    if (last.door === 'closed') this.#closedMs = this.#lastMs;
    else this.#seen = null;
  }
}

const triedWords: Readonly<Record<Exclude<LoginsTried, 'unknown'>, string>> = {
  admitted: 'a login of the application was admitted',
  refused: "the guard's own closure refused a login of the application",
};
