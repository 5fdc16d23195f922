import type { Clock } from '../kernel/kernel.ts';
import { driftBound, maxWriterLeaseMs } from './limits.ts';
import type { WriterExpiry } from './shapes.ts';

/**
 * The state that a store process keeps only in memory, on its monotonic clock, and loses when it
 * ends: until when run leases and writers' leases may be in force. To lose it is safe, because
 * after a restart both wait longer.
 */

/**
 * The leases of open runs. After a restart an open run counts as leased for one whole lease more,
 * because the downtime of the store is not known.
 */
export class RunLeases {
  readonly #clock: Clock;
  readonly #endsMs = new Map<string, number>();

  constructor(clock: Clock, open: Iterable<{ readonly runId: string; readonly leaseMs: number }>) {
    this.#clock = clock;
    for (const { runId, leaseMs } of open) this.start(runId, leaseMs);
  }

  start(runId: string, leaseMs: number): void {
    this.#endsMs.set(runId, this.#clock.monotonicMs() + leaseMs);
  }

  end(runId: string): void {
    this.#endsMs.delete(runId);
  }

  leftMs(runId: string): number {
    return Math.max(0, (this.#endsMs.get(runId) ?? 0) - this.#clock.monotonicMs());
  }
}

type Arithmetic = Pick<WriterExpiry, 'expiresInMs' | 'leaseMs' | 'waitedMs'>;

/**
 * Writers' leases by service. Their region and epoch do not matter: an expiry waits for all leases
 * of the service.
 */
export class WriterGrants {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #byService = new Map<string, { lastMs: number; longestMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  note(service: string, leaseMs: number): void {
    const lastMs = this.#clock.monotonicMs();
    const before = this.#byService.get(service);
    const ended = before === undefined || this.#left(before.longestMs, before.lastMs) <= 0;
    const longestMs = ended ? leaseMs : Math.max(before.longestMs, leaseMs);
    this.#byService.set(service, { lastMs, longestMs });
  }

  /**
   * Returns the longer of two waits: for grants of an earlier process, and for grants of this one.
   */
  expiry(service: string): Arithmetic {
    const granted = this.#byService.get(service);
    const forgotten = this.#arithmetic(maxWriterLeaseMs, this.#startedMs);
    if (granted === undefined) return forgotten;
    const own = this.#arithmetic(granted.longestMs, granted.lastMs);
    return own.expiresInMs >= forgotten.expiresInMs ? own : forgotten;
  }

  #arithmetic(leaseMs: number, sinceMs: number): Arithmetic {
    const waitedMs = this.#clock.monotonicMs() - sinceMs;
    return { expiresInMs: Math.max(0, this.#left(leaseMs, sinceMs)), leaseMs, waitedMs };
  }

  #left(leaseMs: number, sinceMs: number): number {
    return leaseMs * (1 + driftBound) - (this.#clock.monotonicMs() - sinceMs);
  }
}
