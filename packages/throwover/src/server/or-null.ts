import { isThrowoverError } from '../kernel/kernel.ts';

/** `null` for what a user can meet; a bug is thrown. */
export async function orNull<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}
