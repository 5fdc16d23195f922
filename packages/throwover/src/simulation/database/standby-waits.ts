import type { Write } from './history-of-writes.ts';
import type { Session } from './sql.ts';

interface Wait {
  readonly session: Session;
  readonly lsn: number;
  readonly wake: () => void;
}

/** Commits that wait for the standby, and are not to be seen before it has them. */
export class StandbyWaits {
  readonly #unseen = new Set<Write>();
  #waits: Wait[] = [];

  /** Resolves when the standby has it, when nobody waits for the standby any more, or when the session is ended. */
  async commit(session: Session, write: Write): Promise<void> {
    this.#unseen.add(write);
    await this.#until(session, write.lsn);
    this.#unseen.delete(write);
  }

  /** Resolves when the other transaction's write can be seen. */
  async seen(session: Session, write: Write): Promise<void> {
    if (this.#unseen.has(write)) await this.#until(session, write.lsn);
  }

  /** The standby has everything up to `upTo`; `null`: commits do not wait for it any more. */
  wake(upTo: number | null): void {
    this.#wakeWhere(({ lsn }) => upTo === null || lsn <= upTo);
  }

  /** Who is told to end ends; what it committed is seen from then on. */
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

  #wakeWhere(over: (wait: Wait) => boolean): void {
    if (this.#waits.length === 0) return;
    const woken = this.#waits.filter(over);
    this.#waits = this.#waits.filter((wait) => !over(wait));
    for (const { wake } of woken) wake();
  }
}
