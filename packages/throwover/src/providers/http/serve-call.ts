import type { Dispatcher } from 'undici';
import { answeredValue } from '../../kernel/http-call.ts';
import type { Clock } from '../../kernel/kernel.ts';
import { storeErrors } from '../../store/store.ts';
import { callOver } from '../../wire/client.ts';
import type { Call, Given, Output } from '../../wire/wire.ts';

/** The `throwover serve` of one service. */
export interface ServeAt {
  readonly url: string;
  readonly service: string;
  readonly clock: Clock;
  /** Keeps connections alive, and says who must answer. */
  readonly dispatcher?: Dispatcher;
}

/**
 * Makes one call to `throwover serve`. Throws `store-away`, `bad-request` when it is of another
 * version, or the error with which it refused.
 */
export function callServe<One extends Call>(
  { url, clock, dispatcher }: ServeAt,
  call: One,
  given: Given<One>,
): Promise<Output<One>> {
  const failed = (code: 'store-away' | 'bad-request') => (why: string, cause: unknown) =>
    storeErrors.make(code, `${url}${call.path}: ${why}`, { url }, cause);
  const answer = callOver(call, given, { url, clock, ...(dispatcher && { dispatcher }) });
  return answeredValue(answer, failed('store-away'), failed('bad-request'));
}
