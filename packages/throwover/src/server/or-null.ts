import { isThrowoverError } from '../kernel/kernel.ts';

/** Returns `null` for an error that is meant for users; throws a bug on. */
export async function orNull<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}
