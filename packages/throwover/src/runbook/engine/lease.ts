import { type Clock, isThrowoverError } from '../../kernel/kernel.ts';
import type { Halt, RunLease, Store } from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';
import { abortable } from './abortable.ts';

/**
 * How long a controller may be silent before another one may take its run, ms. It is longer than
 * the 10 s for which the remote store retries an append, so that a restart of `throwover serve`
 * costs no run.
 */
export const runLeaseMs = 15_000;

/** Renewals in one lease: two may fail before the lease ends. */
const renewalsPerLease = 3;

/** Errors of the store after which the run is certainly not this controller's. */
const definite = new Set(['run-lost', 'run-ended', 'no-such-run']);

export interface HeldLease {
  /**
   * Throws when this controller may no longer act; this works even right after the process was
   * frozen, before any of its timers has run.
   */
  mustHold(): void;
  release(): void;
}

/**
 * Renews the run's lease in the background until it is released. Calls `onLost` once, when another
 * controller has the run or the lease ended without an answer. Calls `onHalted` whenever a renewal
 * reports the kill switch, so at most a third of a lease after it was set.
 *
 * The lease is counted from before each renewal was sent, on this process's monotonic clock, so it
 * never ends later here than at the store.
 */
export function keepLease(options: {
  store: Store;
  clock: Clock;
  lease: RunLease;
  /** `monotonicMs` from before the call that granted it. */
  grantedMs: number;
  onLost: (error: unknown) => void;
  onHalted: (halt: Halt) => void;
}): HeldLease {
  const { store, clock, lease, onLost, onHalted } = options;
  const { runId, leaseMs } = lease;
  const released = new AbortController();
  let endsMs = options.grantedMs + leaseMs;
  let lastError: unknown;

  const expired = () =>
    runbookErrors.make(
      'lease-expired',
      `run ${runId}: the store was not heard for ${leaseMs / 1000} s`,
      { runId, leaseMs },
      lastError,
    );

  const renew = async () => {
    const sentMs = clock.monotonicMs();
    const tooLate = new AbortController();
    const timer = clock.sleep(Math.max(0, endsMs - sentMs), tooLate.signal);
    try {
      const { halted } = await abortable(
        Promise.race([
          store.renewRun(lease),
          timer.then((): never => {
            throw expired();
          }),
        ]),
        released.signal,
      );
      endsMs = sentMs + leaseMs;
      if (halted !== null) onHalted(halted);
    } catch (error) {
      if (!isThrowoverError(error) || definite.has(error.code)) throw error;
      lastError = error;
      if (clock.monotonicMs() >= endsMs) throw expired();
    } finally {
      tooLate.abort();
      timer.catch(() => {});
    }
  };

  const keep = async () => {
    try {
      for (;;) {
        await clock.sleep(leaseMs / renewalsPerLease, released.signal);
        await renew();
      }
    } catch (error) {
      if (!released.signal.aborted) onLost(error);
    }
  };
  void keep();

  return {
    mustHold: () => {
      if (clock.monotonicMs() >= endsMs) throw expired();
    },
    release: () => released.abort(),
  };
}
