import type { Context } from 'hono';
import { z } from 'zod';
import { storeErrors } from '../store/store.ts';

/** Longest name of a service in a path; throwover.yaml allows only shorter ones. */
const serviceName = z.string().min(1).max(200);

export function serviceOf(name: string | undefined): string {
  const service = serviceName.safeParse(name);
  if (!service.success) throw storeErrors.make('bad-request', 'no service is named so');
  return service.data;
}

/**
 * Returns the JSON body. The content type must be JSON, so that no web page can post it without
 * permission.
 */
export async function jsonOf(c: Context): Promise<unknown> {
  if (!c.req.header('content-type')?.startsWith('application/json')) {
    throw storeErrors.make('bad-request', 'the body must be application/json');
  }
  try {
    return JSON.parse(await c.req.text());
  } catch (error) {
    throw storeErrors.make('bad-request', 'the body is no JSON', {}, error);
  }
}

/** Returns the error for an invalid `what`, with all its mistakes. */
export function wrong(what: string, error: z.ZodError) {
  const issues = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return storeErrors.make('bad-request', `${what}: ${issues[0]}`, { issues });
}
