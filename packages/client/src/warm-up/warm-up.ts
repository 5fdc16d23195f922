/**
 * Wraps a function's handler so that it answers warm-up invocations itself; the application never
 * sees them.
 *
 * An execution environment takes one request at a time, and the next request goes to a free one:
 * pings sent one after another all warm the same environment. So `throwover` invokes N times at
 * once, and each answer is held for `holdMs`: meanwhile its environment is busy, and the next ping
 * needs another one. Environments cannot see each other; the caller counts them by their ids.
 */
import { type Clock, machineClock } from '../clock.ts';
import { headers } from '../wire.ts';

/**
 * Longest time for which an invocation is held, ms: far below a function's usual timeout, because
 * every held ms is billed.
 */
const longestHoldMs = 20_000;

/** Name of the only field of a warm-up event and of its answer. */
const field = 'throwover-warm-up';

/** The answer to a warm-up invocation. */
export interface WarmUpAnswer {
  readonly [field]: {
    /** Id of the execution environment: the same for each invocation that it takes. */
    readonly instance: string;
    /** The environment was started for this invocation. */
    readonly cold: boolean;
    /** Time from the start of the process until the handler was loaded, ms. */
    readonly loadedMs: number;
    /** `on-demand` or `provisioned-concurrency`, from AWS_LAMBDA_INITIALIZATION_TYPE. */
    readonly initialization: string;
    readonly heldMs: number;
  };
}

export interface WarmUpOptions {
  /**
   * Does the work that the first request would otherwise wait for: opens a connection, fills a
   * cache. Called in each warm-up. An error fails the warm-up, not the application.
   */
  readonly prepare?: () => Promise<unknown>;
  /**
   * Adds `throwover-start: cold | warm` to answers of the application, so that a door can count
   * cold starts. Default true; only answers that are objects with `statusCode` get it.
   */
  readonly tellStart?: boolean;
  readonly clock?: Clock;
}

type Handler<Event, Rest extends readonly unknown[], Answer> = (
  event: Event,
  ...rest: Rest
) => Answer | Promise<Answer>;

/**
 * Wraps a handler of the shape (event, context) => answer. Events that are not warm-ups are passed
 * through.
 */
export function withWarmUp<Event, Rest extends readonly unknown[], Answer>(
  handler: Handler<Event, Rest, Answer>,
  options: WarmUpOptions = {},
): (event: Event, ...rest: Rest) => Promise<Answer | WarmUpAnswer> {
  const { prepare, tellStart = true, clock = machineClock } = options;
  // Set at the first use: environments that start from one snapshot share everything before it.
  let instance: string | null = null;
  const initialization = process.env['AWS_LAMBDA_INITIALIZATION_TYPE'] ?? 'on-demand';
  const loadedMs = Math.round(process.uptime() * 1_000);
  // An environment that was started ahead of time is not cold for its first request.
  let cold = initialization !== 'provisioned-concurrency';
  return async (event, ...rest) => {
    const wasCold = cold;
    cold = false;
    const holdMs = holdOf(event);
    if (holdMs === null) {
      const answer = await handler(event, ...rest);
      return tellStart ? told(answer, wasCold) : answer;
    }
    const beganMs = clock.monotonicMs();
    await prepare?.();
    const leftMs = holdMs - (clock.monotonicMs() - beganMs);
    if (leftMs > 0) await clock.sleep(leftMs);
    const heldMs = Math.round(clock.monotonicMs() - beganMs);
    instance ??= globalThis.crypto.randomUUID();
    return { [field]: { instance, cold: wasCold, loadedMs, initialization, heldMs } };
  };
}

/** Returns how long a warm-up is held, ms; `null` for every other event. */
function holdOf(event: unknown): number | null {
  if (typeof event !== 'object' || event === null || !Object.hasOwn(event, field)) return null;
  const given = (event as Record<string, unknown>)[field];
  const holdMs = (given as { holdMs?: unknown } | null)?.holdMs;
  if (typeof holdMs !== 'number' || !(holdMs >= 0)) return 0;
  return Math.min(holdMs, longestHoldMs);
}

function told<Answer>(answer: Answer, cold: boolean): Answer {
  if (typeof answer !== 'object' || answer === null || !('statusCode' in answer)) return answer;
  const { headers: given } = answer as { headers?: Record<string, unknown> };
  return { ...answer, headers: { ...given, [headers.start]: cold ? 'cold' : 'warm' } };
}
