import type { Clock } from '../kernel/kernel.ts';
import type { JournalEvent, RunLease, Store } from '../store/store.ts';
import type { Progress } from './progress.ts';

/** The journal could not be written; nobody knows whether the last record is there. The run stops. */
export class JournalFailure extends Error {
  constructor(cause: unknown) {
    super('the journal could not be written', { cause });
    this.name = 'JournalFailure';
  }
}

interface JournalOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly lease: RunLease;
  readonly progress: Progress;
  /** Of the last record that is there; 0 in a new run. */
  readonly lastSeq: number;
  readonly mustHold: () => void;
  readonly onFailure: (failure: JournalFailure) => void;
}

/**
 * Writes a run's journal, record after record: one is sent when the one before is on disk, so the
 * caller may go on looking (never acting) while a record is on its way.
 * After a failed append it writes nothing any more: what the store has is read again on resume.
 */
export class Journal {
  readonly #options: JournalOptions;
  #lastSeq: number;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#lastSeq = options.lastSeq;
  }

  /** Resolves when the record is durable; rejects with a `JournalFailure`. */
  append(event: JournalEvent): Promise<void> {
    const { clock, lease, progress } = this.#options;
    this.#lastSeq += 1;
    const record = { seq: this.#lastSeq, wallMs: clock.wallMs(), token: lease.token, ...event };
    progress.note(event);
    const before = this.#tail;
    this.#tail = before.then(() => this.#send(record));
    this.#tail.catch(() => {});
    return this.#tail;
  }

  async #send(record: Parameters<Store['append']>[0]['record']): Promise<void> {
    const { store, lease, mustHold, onFailure } = this.#options;
    try {
      mustHold();
      await store.append({ runId: lease.runId, token: lease.token, record });
    } catch (error) {
      const failure = new JournalFailure(error);
      onFailure(failure);
      throw failure;
    }
  }
}
