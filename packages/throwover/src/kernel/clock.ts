/**
 * The only interface that reads time or waits.
 *
 * Everything else takes a `Clock`, so that the whole system can run on virtual time. Durations come
 * from `monotonicMs`; `wallMs` is for people and for figures that cross processes, never for order.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, with fractions. May jump. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start, with fractions. Never decreases. */
  monotonicMs(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  wallMs: () => performance.timeOrigin + performance.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** Returns an instant as ISO 8601 in UTC, for people and for files. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/**
 * Returns the instant of an ISO 8601 text, ms since the Unix epoch; `null` if the text is not an
 * instant.
 */
export function wallMsOfIso(text: string): number | null {
  const wallMs = Date.parse(text);
  return Number.isNaN(wallMs) ? null : wallMs;
}

/** Returns an instant as a `Date`, for libraries that take one. */
export function dateAt(wallMs: number): Date {
  return new Date(wallMs);
}
