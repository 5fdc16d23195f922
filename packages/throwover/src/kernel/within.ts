import type { Clock } from './clock.ts';
import { isThrowoverError } from './errors.ts';

/** There was no answer: the work may have happened, or may still happen. */
export const noAnswer = Symbol('no answer');

/** Ends a wait that is no longer needed. Without a reason, Node builds a DOMException with a stack each time. */
const answered = new Error('answered');

/**
 * Returns the result of `work` within `ms`; `noAnswer` if there is none in time, or if the other
 * side was unreachable. A refusal is an answer, and is thrown. `work` itself is not stopped.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
): Promise<T | typeof noAnswer> {
  const settled = new AbortController();
  const late = clock.sleep(ms, settled.signal).then(
    (): typeof noAnswer => noAnswer,
    (): typeof noAnswer => noAnswer,
  );
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (isThrowoverError(error) && error.disposition === 'retry') return noAnswer;
    throw error;
  } finally {
    settled.abort(answered);
    // A failure after the deadline is ignored.
    work.catch(() => {});
  }
}

/**
 * Returns the result of `work`, whose signal is aborted after `ms` of the clock. For work that a
 * signal can stop; `within` does not wait for work that nothing stops.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const settled = new AbortController();
  clock.sleep(ms, settled.signal).then(
    () => late.abort(new Error(`no answer within ${ms} ms`)),
    () => {},
  );
  try {
    return await work(late.signal);
  } finally {
    settled.abort(answered);
  }
}

/** Returns `null` for an error that is meant for users; throws a bug on. */
export async function orNull<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}
