import { request } from 'undici';
import { z } from 'zod';
import { storeErrors } from '../../store/store.ts';

/** Deadline of one call, ms. */
const deadlineMs = 2_000;

/**
 * Makes one call to `throwover serve`. Throws `store-away`, or `bad-request` with the server's
 * message.
 */
export async function callServe(url: string, path: string, posted?: string): Promise<unknown> {
  let statusCode: number;
  let answer: unknown;
  try {
    const response = await request(new URL(path, url), {
      signal: AbortSignal.timeout(deadlineMs),
      ...(posted === undefined
        ? {}
        : { method: 'POST', body: posted, headers: { 'content-type': 'application/json' } }),
    });
    statusCode = response.statusCode;
    answer = await response.body.json();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw storeErrors.make('store-away', `${url}${path}: ${message}`, { url }, error);
  }
  if (statusCode === 200) return answer;
  const said = z.object({ message: z.string() }).safeParse(answer);
  const message = said.success ? said.data.message : `answered ${statusCode}`;
  throw storeErrors.make(
    statusCode === 400 ? 'bad-request' : 'store-away',
    `${url}${path}: ${message}`,
    { url },
  );
}
