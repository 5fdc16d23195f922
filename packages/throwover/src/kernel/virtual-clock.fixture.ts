import type { Clock } from './clock.ts';

/**
 * A clock that moves only when it is told to, so that a test of minutes takes milliseconds and
 * gives the same result each time.
 */
export interface VirtualClock extends Clock {
  /**
   * Moves time by `ms`. Every sleep that ends meanwhile ends in order, and its consequences run
   * before the next one.
   */
  advance(ms: number): Promise<void>;
  /**
   * Moves time from sleep to sleep, whenever no other work can run, until `promise` settles.
   * Rejects when there is no sleep left (a deadlock), or after `limitMs` of virtual time.
   */
  until<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
}

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** An hour: longer than any run in a test, so that an endless loop is found. */
const defaultLimitMs = 3_600_000;

/**
 * Wall time starts at 2026-01-01T00:00:00Z, monotonic time at 0. It does not wait for I/O: use it
 * only where all ports are in memory.
 */
export function createVirtualClock(startWallMs = 1_767_225_600_000): VirtualClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();

  const next = (): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers)
      if (first === undefined || sleeper.atMs < first.atMs) first = sleeper;
    return first;
  };
  const wake = (sleeper: Sleeper) => {
    nowMs = Math.max(nowMs, sleeper.atMs);
    sleepers.delete(sleeper);
    sleeper.wake();
  };

  return {
    wallMs: () => startWallMs + nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          atMs: nowMs + Math.max(0, ms),
          wake: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    advance: async (ms) => {
      const endMs = nowMs + ms;
      for (await idle(); ; await idle()) {
        const sleeper = next();
        if (sleeper === undefined || sleeper.atMs > endMs) break;
        wake(sleeper);
      }
      nowMs = endMs;
    },
    until: async (promise, limitMs = defaultLimitMs) => {
      const endMs = nowMs + limitMs;
      let settled = false;
      const mark = () => {
        settled = true;
      };
      promise.then(mark, mark);
      for (await idle(); !settled; await idle()) {
        const sleeper = next();
        if (sleeper === undefined) throw new Error(`deadlock at ${nowMs} ms: nothing sleeps`);
        if (sleeper.atMs > endMs)
          throw new Error(`not settled after ${limitMs} ms of virtual time`);
        wake(sleeper);
      }
      return promise;
    },
  };
}

/** One turn of the event loop: afterwards all work that needs no time has run. */
function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
