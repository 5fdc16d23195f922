import type { DeliveredSource } from './delivery.ts';
import type { EventJournal, PendingEvent } from './journal.ts';

/** Number of events read ahead from the journal, with their bodies: at most 16 x 1 MiB. */
const READ_AHEAD = 16;

/**
 * Most failed events of one source that may wait for their next attempt; beyond that no new event
 * is tried until some are settled. They are kept in memory, about 100 bytes each.
 */
const MAX_RETRIES = 10_000;

/**
 * The part of an event that is kept in memory between two attempts. Its attempts and refusals are
 * in the journal.
 */
export interface Retry {
  readonly seq: number;
  /** Monotonic ms. */
  readonly dueMs: number;
  /**
   * Number of other deliveries at the time of its last attempt, if the door did not answer then;
   * otherwise `null`.
   */
  readonly awayAt: number | null;
}

export interface Next {
  readonly event: PendingEvent;
  readonly awayAt: number | null;
}

/** One source's queue: events that failed and are due, then those not tried yet, each in arrival order. */
export class Lane {
  readonly source: DeliveredSource;
  inFlight = 0;
  readonly #journal: EventJournal;
  #cursor = 0;
  #ahead: PendingEvent[] = [];
  #unread = true;
  /** Sorted by (dueMs, seq). */
  #retries: Retry[] = [];

  constructor(options: { source: DeliveredSource; journal: EventJournal }) {
    this.source = options.source;
    this.#journal = options.journal;
  }

  /** Tells that the journal has a new event of this source. */
  arrived(): void {
    this.#unread = true;
  }

  take(nowMs: number, prefer: 'retry' | 'fresh'): Next | undefined {
    if (prefer === 'retry') return this.#dueRetry(nowMs) ?? this.#fresh();
    return this.#fresh() ?? this.#dueRetry(nowMs);
  }

  putBack(retry: Retry): void {
    let low = 0;
    let high = this.#retries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#retries[middle];
      if (other !== undefined && before(other, retry)) low = middle + 1;
      else high = middle;
    }
    this.#retries.splice(low, 0, retry);
  }

  /**
   * Puts delivered events back, to be delivered again at once, in arrival order. Events beyond the
   * cursor are read from the journal with the new ones: a gateway that has restarted begins there
   * with the first event. Putting those back too would deliver them twice.
   */
  putBackAll(seqs: readonly number[]): void {
    const passed = seqs.filter((seq) => seq <= this.#cursor);
    if (passed.length < seqs.length) this.#unread = true;
    const again = passed.map((seq) => ({ seq, dueMs: 0, awayAt: null }));
    this.#retries = [...this.#retries, ...again].sort((a, b) => (before(a, b) ? -1 : 1));
  }

  /** Makes the events that found the door away, or all events, due at once, in arrival order. */
  release(which: 'away' | 'all'): void {
    this.#retries = this.#retries
      .map((retry) => (which === 'all' || retry.awayAt !== null ? { ...retry, dueMs: 0 } : retry))
      .sort((a, b) => (before(a, b) ? -1 : 1));
  }

  /** Time at which the next failed event is due, monotonic ms. */
  nextDueMs(): number | undefined {
    return this.#retries[0]?.dueMs;
  }

  #dueRetry(nowMs: number): Next | undefined {
    for (;;) {
      const retry = this.#retries[0];
      if (retry === undefined || retry.dueMs > nowMs) return undefined;
      this.#retries.shift();
      const event = this.#journal.pendingOne(retry.seq);
      if (event !== undefined) return { event, awayAt: retry.awayAt };
    }
  }

  #fresh(): Next | undefined {
    if (this.#retries.length >= MAX_RETRIES) return undefined;
    if (this.#ahead.length === 0 && this.#unread) {
      this.#ahead = this.#journal.pending(this.source.name, this.#cursor, READ_AHEAD);
      this.#unread = this.#ahead.length === READ_AHEAD;
      this.#cursor = this.#ahead.at(-1)?.seq ?? this.#cursor;
    }
    const event = this.#ahead.shift();
    return event === undefined ? undefined : { event, awayAt: null };
  }
}

function before(a: Retry, b: Retry): boolean {
  return a.dueMs === b.dueMs ? a.seq < b.seq : a.dueMs < b.dueMs;
}
