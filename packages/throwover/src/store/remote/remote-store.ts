import { Pool } from 'undici';
import { type Connect, connecting } from '../../access/machine.ts';
import { reasonOf } from '../../kernel/http-call.ts';
import type { Clock, ThrowoverError } from '../../kernel/kernel.ts';
import { type CallWay, callOver } from '../../wire/client.ts';
import { type Call, repeatable } from '../../wire/wire.ts';
import { storeErrors } from '../errors.ts';
import type { Store } from '../port.ts';
import { type StoreCall, storeCalls, storeThrough } from '../wire.ts';

/**
 * How long a call that is safe to repeat is retried, ms: `throwover serve` restarts in about one
 * second.
 */
const defaultRepeatForMs = 10_000;

/** First pause between attempts, ms; doubled up to `longestPauseMs`. */
const firstPauseMs = 20;
const longestPauseMs = 500;

/**
 * One connection for the controller's steps and one for its renewals, so that neither waits for the
 * other; two are spare.
 */
const connections = 4;

/** Connection errors before anything was sent: the call did not happen. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

export interface RemoteStore extends Store {
  close(): Promise<void>;
}

/**
 * The store of the `throwover serve` at `url`. Connections are kept alive.
 *
 * A call without an answer is sent again for `repeatForMs` if a repeat has no further effect (an
 * append carries its sequence number). Other calls (wire.ts) are sent again only while nothing was
 * sent. Afterwards the error is `store-away`. An error of the store arrives as the same
 * ThrowoverError.
 */
export function createRemoteStore(options: {
  url: string;
  clock: Clock;
  /** Default 3 s. */
  attemptTimeoutMs?: number;
  /**
   * Default 10 s. A guard sets its own deadline, because it would rather ask its peer than go on
   * waiting.
   */
  repeatForMs?: number;
  connect?: Connect;
}): RemoteStore {
  const { clock, attemptTimeoutMs } = options;
  const repeatForMs = options.repeatForMs ?? defaultRepeatForMs;
  const { origin } = new URL(options.url);
  const pool = new Pool(origin, { connections, pipelining: 1, ...connecting(options.connect) });
  const way: CallWay = {
    ...{ url: origin, dispatcher: pool, clock },
    ...(attemptTimeoutMs === undefined ? {} : { deadlineMs: attemptTimeoutMs }),
  };
  const call = async (name: StoreCall, body: unknown): Promise<unknown> => {
    const startedMs = clock.monotonicMs();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const attempt = await send(name, body, way);
      if (attempt.kind === 'answer') return attempt.value;
      if (attempt.kind === 'error') throw attempt.error;
      const again = repeatable(storeCalls[name], body) || neverSent.has(attempt.code);
      const elapsedMs = clock.monotonicMs() - startedMs;
      if (!again || elapsedMs + pauseMs >= repeatForMs) {
        throw storeErrors.make(
          'store-away',
          `no answer from throwover serve at ${origin} (${attempt.code}) for ${Math.round(elapsedMs)} ms`,
          { url: origin, call: name, reason: attempt.code },
          attempt.cause,
        );
      }
      await clock.sleep(pauseMs);
    }
  };
  return { ...storeThrough(call), close: () => pool.close() };
}

type Attempt =
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: ThrowoverError }
  | { readonly kind: 'no-answer'; readonly code: string; readonly cause: unknown };

/** One attempt. Its result tells a refusal from a missing answer. */
async function send(name: StoreCall, body: unknown, way: CallWay): Promise<Attempt> {
  try {
    const answer = await callOver<Call>(storeCalls[name], { body }, way);
    if (answer.kind === 'answer') return answer;
    if (answer.kind === 'refusal') return { kind: 'error', error: answer.error };
    if (answer.kind === 'somebody-else')
      return { kind: 'no-answer', code: answer.why, cause: answer.cause };
    const message = `the answer to ${name} is not one of this version's: ${answer.why}`;
    const error = storeErrors.make('bad-request', message, { call: name }, answer.cause);
    return { kind: 'error', error };
  } catch (cause) {
    return { kind: 'no-answer', code: codeOf(cause), cause };
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : reasonOf(error);
}
