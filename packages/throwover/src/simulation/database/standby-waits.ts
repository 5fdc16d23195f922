import type { Write } from './history-of-writes.ts';
import type { Session } from './sql.ts';

interface Wait {
  readonly session: Session;
  readonly lsn: number;
  readonly wake: () => void;
}

/** Commits that wait for the standby, and stay invisible until it has them. */
export class StandbyWaits {
  readonly #unseen = new Set<Write>();
  #waits: Wait[] = [];

  /**
   * Resolves when the standby has the write, when commits no longer wait for the standby, or when
   * the session is ended.
   */
  async commit(session: Session, write: Write): Promise<void> {
    this.#unseen.add(write);
    await this.#until(session, write.lsn);
    this.#unseen.delete(write);
  }

  /** Resolves when the other transaction's write is visible. */
  async seen(session: Session, write: Write): Promise<void> {
    if (this.#unseen.has(write)) await this.#until(session, write.lsn);
  }

  /**
   * Wakes commits: the standby has everything up to `upTo`; `null`: commits no longer wait for it.
   * Returns whether one of them was waiting for that.
   */
  wake(upTo: number | null): boolean {
    return this.#wakeWhere(({ lsn }) => upTo === null || lsn <= upTo);
  }

  /** Wakes ended sessions; their commits are visible from then on. */
  wakeEnded(): void {
    this.#wakeWhere(({ session }) => !session.open);
  }

  forget(): void {
    this.#waits = [];
    this.#unseen.clear();
  }

  #until(session: Session, lsn: number): Promise<void> {
    return new Promise((wake) => this.#waits.push({ session, lsn, wake }));
  }

  #wakeWhere(over: (wait: Wait) => boolean): boolean {
    if (this.#waits.length === 0) return false;
    const woken = this.#waits.filter(over);
    this.#waits = this.#waits.filter((wait) => !over(wait));
    for (const { wake } of woken) wake();
    return woken.length > 0;
  }
}
