import { isThrowoverError, type ThrowoverError } from '../kernel/kernel.ts';
import type { Store } from './port.ts';
import type { RunState } from './shapes.ts';

/**
 * Runs that cannot be read. They must not stop anybody who reads many runs: a run that has ended
 * long ago has no part in the next one.
 */

/** Returns the run, or `null` when its plan or journal is damaged. Other errors are thrown. */
export async function journalOf(
  store: Pick<Store, 'run'>,
  runId: string,
): Promise<RunState | null> {
  try {
    return await store.run(runId);
  } catch (error) {
    if (isDamage(error) || isThrowoverError(error, 'run-abandoned')) return null;
    throw error;
  }
}

/** Returns why the run cannot be read, so that only a person can end it; `null` if it can. */
export async function damageOf(
  store: Pick<Store, 'run'>,
  runId: string,
): Promise<ThrowoverError | null> {
  try {
    await store.run(runId);
    return null;
  } catch (error) {
    if (isDamage(error)) return error;
    throw error;
  }
}

/** Returns why a run cannot be read; `null` when `read` returns. Other errors are thrown. */
export function damageFound(read: () => unknown): ThrowoverError | null {
  try {
    read();
    return null;
  } catch (error) {
    if (isDamage(error)) return error;
    throw error;
  }
}

function isDamage(error: unknown): error is ThrowoverError {
  return isThrowoverError(error, 'journal-damaged') || isThrowoverError(error, 'store-damaged');
}
