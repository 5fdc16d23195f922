import type { Clock } from '../kernel/kernel.ts';
import type { Notice, NoticeKind } from './notice.ts';

/** Longest that one notifier may take for one notice, ms. */
const sendDeadlineMs = 10_000;

/** Most notices that wait in one notifier: above it the oldest is given up, so that a dead one holds no memory. */
const maxWaiting = 100;

/** Port: one way to reach people. `send` may fail and may hang; its signal is aborted after 10 s. */
export interface Notifier {
  /** For logs: `webhook https://hooks.example.com`, without secrets. */
  readonly name: string;
  readonly kinds: readonly NoticeKind[];
  send(notice: Notice, signal: AbortSignal): Promise<void>;
}

/**
 * Sends to all of them, each in its own order, and never stops or delays a run: what fails is told to
 * `onFailure` and given up.
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

  /** Those that want notices of this kind, by name. */
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

  /** Resolves when nothing waits any more; a notice takes at most 10 s. */
  async settled(): Promise<void> {
    await Promise.all(this.#queues.map(({ tail }) => tail));
  }

  /** How many notices did not get through so far. */
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
      // Who logs must not stop a run either.
    }
  }
}
