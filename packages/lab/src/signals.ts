import { systemClock } from 'throwover/kernel';

/**
 * npm passes on a Ctrl-C that the terminal has already sent: within this time it counts as the same
 * one, ms.
 */
const sameSignalMs = 500;

/**
 * Resolves `ended` at the first Ctrl-C or SIGTERM, so that the work can be stopped in order; a
 * second one ends the process.
 */
export function endOnSignal(): { readonly ended: Promise<void>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let askedMs: number | null = null;
  const onSignal = () => {
    const nowMs = systemClock.monotonicMs();
    if (askedMs !== null && nowMs - askedMs < sameSignalMs) return;
    if (askedMs !== null) process.exit(130);
    askedMs = nowMs;
    console.error('stopping the lab (Ctrl-C again: at once)');
    resolve();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { ended: promise, end: resolve };
}
