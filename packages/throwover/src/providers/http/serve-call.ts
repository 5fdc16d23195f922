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

/** Makes one call to `throwover serve`. Throws `store-away`, or the error with which it refused. */
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
  return answeredValue(answer, (why, cause) =>
    storeErrors.make('store-away', `${url}${path}: ${why}`, { url }, cause),
  );
}
