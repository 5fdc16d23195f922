import type { Clock } from '../../kernel/kernel.ts';
import {
  type JournalEvent,
  type JournalRecord,
  maxRecordsPerAppend,
  type RunLease,
  type Store,
} from '../../store/store.ts';
import type { Progress } from './progress.ts';

/**
 * The journal could not be written, and it is unknown whether the last record is there. The run
 * stops.
 */
export class JournalFailure extends Error {
  constructor(cause: unknown) {
    super('the journal could not be written', { cause });
    this.name = 'JournalFailure';
  }
}

interface JournalOptions {
  readonly store: Pick<Store, 'append'>;
  readonly clock: Clock;
  readonly lease: RunLease;
  readonly progress: Progress;
  /** Number of the last record that is there; 0 in a new run. */
  readonly lastSeq: number;
  readonly mustHold: () => void;
  readonly onFailure: (failure: JournalFailure) => void;
}

/**
 * How long a record that is not awaited is kept back to be sent with the next one, ms: longer than
 * an observation of a guard, far shorter than a person notices.
 */
const lingerMs = 20;

interface Due {
  readonly record: JournalRecord;
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Writes a run's journal in order. One append is on its way at a time, so the caller may go on
 * observing (never acting) meanwhile; records that become due until it is on disk form the next
 * append. After a failed append it writes nothing more: resume reads again what the store has.
 */
export class Journal {
  readonly #options: JournalOptions;
  #lastSeq: number;
  readonly #due: Due[] = [];
  #sending = false;
  #failure: JournalFailure | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#lastSeq = options.lastSeq;
  }

  /** Resolves when the record is durable; rejects with a `JournalFailure`. */
  append(event: JournalEvent): Promise<void> {
    const written = this.#take(event);
    void this.#sendDue();
    return written;
  }

  /**
   * Writes a record that is not awaited: it is durable before the next appended record, or soon
   * anyway. While it waits, the next intent is sent together with it; if it were sent at once, that
   * intent would have to wait for its answer.
   */
  note(event: JournalEvent): void {
    void this.#take(event);
    void this.#options.clock.sleep(lingerMs).then(() => this.#sendDue());
  }

  #take(event: JournalEvent): Promise<void> {
    const { clock, lease, progress } = this.#options;
    this.#lastSeq += 1;
    const record = { seq: this.#lastSeq, wallMs: clock.wallMs(), token: lease.token, ...event };
    progress.note(event);
    const written = new Promise<void>((resolve, reject) => {
      this.#due.push({ record, written: resolve, failed: reject });
    });
    // A caller that does not wait for this record learns of a failure with the next record that it
    // waits for.
    written.catch(() => {});
    return written;
  }

  async #sendDue(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#due.length > 0) {
      const batch = this.#due.splice(0, maxRecordsPerAppend);
      const failure = await this.#send(batch.map(({ record }) => record));
      for (const one of batch) {
        if (failure === null) one.written();
        else one.failed(failure);
      }
    }
    this.#sending = false;
  }

  async #send(records: readonly JournalRecord[]): Promise<JournalFailure | null> {
    const { store, lease, mustHold, onFailure } = this.#options;
    if (this.#failure !== null) return this.#failure;
    try {
      mustHold();
      await store.append({ runId: lease.runId, token: lease.token, records });
      return null;
    } catch (error) {
      this.#failure = new JournalFailure(error);
      onFailure(this.#failure);
      return this.#failure;
    }
  }
}
