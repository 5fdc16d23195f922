import type { z } from 'zod';
import { answeredValue, jsonCall } from '../../kernel/http-call.ts';
import type { Clock } from '../../kernel/kernel.ts';
import { storeErrors } from '../../store/store.ts';

/** Deadline of one call, ms: a plan and a check wait for the answer. */
const deadlineMs = 2_000;

/** Longest answer, bytes: a page of samples. */
const maxAnswerBytes = 64 * 1024 ** 2;

/** The `throwover serve` of one service. */
export interface ServeAt {
  readonly url: string;
  readonly service: string;
  readonly clock: Clock;
}

/**
 * Makes one call to `throwover serve`. Throws `store-away`, `bad-request` when it is of another
 * version, or the error with which it refused.
 */
export function callServe<T>(
  { url, clock }: ServeAt,
  path: string,
  output: z.ZodType<T>,
  input?: unknown,
): Promise<T> {
  const answer = jsonCall({
    ...{ url: new URL(path, url), output },
    ...(input === undefined ? {} : { method: 'POST', input }),
    ...{ deadlineMs, maxBytes: maxAnswerBytes, clock },
  });
  const failed = (code: 'store-away' | 'bad-request') => (why: string, cause: unknown) =>
    storeErrors.make(code, `${url}${path}: ${why}`, { url }, cause);
  return answeredValue(answer, failed('store-away'), failed('bad-request'));
}
