import type { Clock } from '../kernel/kernel.ts';
import type { NoticeKind } from '../service/service.ts';
import type { Notice } from './notice.ts';

/** Longest time that one notifier may take for one notice, ms. */
const sendDeadlineMs = 10_000;

/**
 * Most notices that wait in one notifier; above it the oldest is dropped, so that a dead notifier
 * uses no more memory.
 */
const maxWaiting = 100;

/**
 * Port: one way to reach people. `send` resolves when the far side has taken the notice, and rejects
 * when it refused it, cannot be reached, or when the signal is aborted, which is after 10 s. Each
 * call sends the notice again.
 */
export interface Notifier {
  /** Name for logs, without secrets: `webhook https://hooks.example.com`. */
  readonly name: string;
  readonly kinds: readonly NoticeKind[];
  send(notice: Notice, signal: AbortSignal): Promise<void>;
}

/**
 * Sends to all notifiers, in order for each, and never stops or delays a run: a failure is reported
 * to `onFailure` and the notice is dropped.
 */
export class Notifiers {
  readonly #clock: Clock;
  readonly #onFailure: (name: string, notice: Notice, error: unknown) => void;
  #failures = 0;
  readonly #queues: readonly {
    readonly notifier: Notifier;
    waiting: number;
    tail: Promise<void>;
  }[];

  constructor(options: {
    notifiers: readonly Notifier[];
    clock: Clock;
    onFailure: (name: string, notice: Notice, error: unknown) => void;
  }) {
    this.#clock = options.clock;
    this.#onFailure = options.onFailure;
    this.#queues = options.notifiers.map((notifier) => ({
      notifier,
      waiting: 0,
      tail: Promise.resolve(),
    }));
  }

  /** Returns the names of the notifiers that want notices of this kind. */
  wanting(kind: NoticeKind): readonly string[] {
    return this.#queues
      .filter(({ notifier }) => notifier.kinds.includes(kind))
      .map(({ notifier }) => notifier.name);
  }

  tell(notice: Notice): void {
    for (const queue of this.#queues) {
      if (!queue.notifier.kinds.includes(notice.kind)) continue;
      if (queue.waiting >= maxWaiting) {
        this.#failed(queue.notifier, notice, new Error(`${maxWaiting} notices wait already`));
        continue;
      }
      queue.waiting += 1;
      queue.tail = queue.tail.then(async () => {
        await this.#send(queue.notifier, notice);
        queue.waiting -= 1;
      });
    }
  }

  /** Resolves when no notice is waiting any more; one notice takes at most 10 s. */
  async settled(): Promise<void> {
    await Promise.all(this.#queues.map(({ tail }) => tail));
  }

  /** Number of notices that were not delivered so far. */
  get failures(): number {
    return this.#failures;
  }

  async #send(notifier: Notifier, notice: Notice): Promise<void> {
    const late = new AbortController();
    const sent = new AbortController();
    const deadline = new Promise<never>((_, reject) => {
      this.#clock.sleep(sendDeadlineMs, sent.signal).then(
        () => {
          const error = new Error(`not within ${sendDeadlineMs / 1000} s`);
          late.abort(error);
          reject(error);
        },
        () => {},
      );
    });
    try {
      await Promise.race([notifier.send(notice, late.signal), deadline]);
    } catch (error) {
      this.#failed(notifier, notice, error);
    } finally {
      sent.abort();
    }
  }

  #failed({ name }: Notifier, notice: Notice, error: unknown): void {
    this.#failures += 1;
    try {
      this.#onFailure(name, notice, error);
    } catch {
      // An error in the logging callback must not stop a run either.
    }
  }
}
