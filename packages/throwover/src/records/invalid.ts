import type { z } from 'zod';
import { storeErrors } from '../store/store.ts';

/** Returns the error for an invalid `what`, with all its mistakes. */
export function invalid(what: string, error: z.ZodError) {
  const issues = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return storeErrors.make('bad-request', `${what}: ${issues[0]}`, { issues });
}
