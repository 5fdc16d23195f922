/**
 * A function's handler that answers warm-up invocations by itself, so that the application never sees them.
 *
 * An execution environment takes one request at a time, and one that is free takes the next: pings that
 * come one after another all warm the same one. So `throwover` invokes N times at once, and each answer is
 * held until `holdMs` are over: while it is held its environment is busy, and the next ping needs another.
 * Environments cannot see each other; how many there were is counted by who invokes, from their ids.
 */
import { type Clock, machineClock } from '../clock.ts';
import { headers } from '../wire.ts';

/** Longest time for which an invocation is held, ms: far below a function's usual time-out, since each held ms is paid for. */
const longestHoldMs = 20_000;

/** Name of the one field of a warm-up event and of its answer. */
const field = 'throwover-warm-up';

/** What a warm-up invocation answers. */
export interface WarmUpAnswer {
  readonly [field]: {
    /** Names the execution environment: the same for each invocation that it takes. */
    readonly instance: string;
    /** It was started for this invocation, or by it. */
    readonly cold: boolean;
    /** From the start of the process until the handler was loaded, ms. */
    readonly loadedMs: number;
    /** `on-demand`, `provisioned-concurrency`, as AWS_LAMBDA_INITIALIZATION_TYPE says. */
    readonly initialization: string;
    readonly heldMs: number;
  };
}

export interface WarmUpOptions {
  /**
   * What the first request would otherwise wait for: a connection that is opened when it is needed, a cache.
   * Called in each warm-up; one that fails fails the warm-up, and not the application.
   */
  readonly prepare?: () => Promise<unknown>;
  /**
   * Answers of the application get `throwover-start: cold | warm`, by which a door counts cold starts.
   * Default true; only answers that are objects with `statusCode` get it.
   */
  readonly tellStart?: boolean;
  readonly clock?: Clock;
}

type Handler<Event, Rest extends readonly unknown[], Answer> = (
  event: Event,
  ...rest: Rest
) => Answer | Promise<Answer>;

/** Wraps a handler of the shape (event, context) => answer. Events that are no warm-ups pass as they are. */
export function withWarmUp<Event, Rest extends readonly unknown[], Answer>(
  handler: Handler<Event, Rest, Answer>,
  options: WarmUpOptions = {},
): (event: Event, ...rest: Rest) => Promise<Answer | WarmUpAnswer> {
  const { prepare, tellStart = true, clock = machineClock } = options;
  // Named when it is first asked, since environments that start from one snapshot share what was before it.
  let instance: string | null = null;
  const initialization = process.env['AWS_LAMBDA_INITIALIZATION_TYPE'] ?? 'on-demand';
  const loadedMs = Math.round(process.uptime() * 1_000);
  // An environment that was started ahead of time is not cold for whoever comes first.
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

/** How long a warm-up is held, ms; `null` for every other event. */
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
