import { type Clock, isThrowoverError } from '../../kernel/kernel.ts';
import type { GuardResult } from '../../store/store.ts';
import { abortable } from '../engine/abortable.ts';
import { runbookErrors } from '../errors.ts';
import type { Guard, Refusal } from '../step.ts';

/**
 * Longest time of a guard's check, ms: it reads states, and each read has a deadline of a few
 * seconds.
 */
const guardTimeoutMs = 15_000;

/**
 * Asks every guard, at the same time. A guard that fails or does not answer refuses without an
 * override: a state that could not be seen does not count as good.
 */
export function checkGuards(options: {
  guards: readonly Guard[];
  clock: Clock;
  signal: AbortSignal;
}): Promise<readonly GuardResult[]> {
  const { guards, clock, signal } = options;
  return Promise.all(
    guards.map(async (guard) => {
      const refusals = await ask(guard, clock, signal);
      return {
        name: guard.name,
        title: guard.title,
        ...(guard.mayAsk === undefined ? {} : { mayAsk: guard.mayAsk }),
        refusals: refusals.map(({ error, override }) => ({ error: error.toJSON(), override })),
      };
    }),
  );
}

async function ask(guard: Guard, clock: Clock, signal: AbortSignal): Promise<readonly Refusal[]> {
  // Not AbortSignal.any: Node keeps such a signal as long as it has a listener, for example of a
  // check that hangs.
  const either = new AbortController();
  const stop = () => either.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const answered = new AbortController();
  clock.sleep(guardTimeoutMs, answered.signal).then(
    () => either.abort(noAnswer(guard)),
    () => {},
  );
  try {
    return await abortable(guard.check({ clock, signal: either.signal }), either.signal);
  } catch (error) {
    if (signal.aborted || !isThrowoverError(error)) throw error;
    return [{ error, override: null }];
  } finally {
    signal.removeEventListener('abort', stop);
    answered.abort();
  }
}

function noAnswer({ name }: Guard) {
  return runbookErrors.make(
    'guard-no-answer',
    `guard ${name} did not answer within ${guardTimeoutMs / 1000} s`,
    { guard: name, timeoutMs: guardTimeoutMs },
  );
}
