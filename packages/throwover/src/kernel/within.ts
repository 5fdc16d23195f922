import type { Clock } from './clock.ts';
import { isThrowoverError } from './errors.ts';

/** No answer: it may have happened, or may happen still. */
export const noAnswer = Symbol('no answer');

/**
 * What `work` answers within `ms`; `noAnswer` when it does not, or when nobody was there to answer.
 * A refusal is an answer, and thrown. `work` itself is not stopped.
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
    settled.abort();
    // Its failure after the deadline is nobody's business any more.
    work.catch(() => {});
  }
}
