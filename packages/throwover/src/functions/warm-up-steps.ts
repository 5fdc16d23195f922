import { type Clock, type Evidence, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import { done, pending, type Step } from '../runbook/runbook.ts';
import { functionErrors } from './errors.ts';
import type { FunctionRegion, WarmUpRound } from './function-region.ts';
import { failoverPatienceMs } from './steps.ts';

/**
 * How long the first round holds its invocations, ms: above the spread with which that many arrive.
 */
const firstHoldMs = 500;

/**
 * Factor between the hold times of two rounds: if a start takes longer than the hold, other
 * environments are free again and answer twice.
 */
const holdGrowth = 3;

/** Longest hold, ms: the limit of `withWarmUp`. */
const longestHoldMs = 20_000;

/**
 * Number of rounds before the step gives up: 0.5 s to 20 s of hold, and one more after a throttled
 * one.
 */
const maxRounds = 6;

/** Time left between the end of a hold and the function's own time-out, ms. */
const timeoutReserveMs = 1_000;

/** Pause after a throttled round, ms: the period over which a provider counts starts. */
const throttledPauseMs = 10_000;

interface Total {
  requests: number;
  billedMs: number;
  cold: number;
  initMs: number[];
}

/**
 * Waits until the needed number of execution environments in the new region have answered at the
 * same time, counted by their ids: they are loaded, and stay for minutes. A round with fewer
 * environments is repeated with a longer hold.
 *
 * This prevents warming one instance N times. There is nothing to release afterwards.
 */
export function warmByInvocations(options: {
  to: FunctionRegion;
  needed: () => Promise<number>;
  strategy: string;
}): Step<'warm'> {
  let result: Evidence | null = null;
  return {
    ...invoking(options.to, () => result),
    title: `Start function instances in ${options.to.region} by invocations that come at once`,
    timeoutMs: 5 * 60_000,
    act: async (context) => {
      const needed = await options.needed();
      const { timeoutMs } = await options.to.facts();
      const bound = Math.min(longestHoldMs, Math.max(0, timeoutMs - timeoutReserveMs));
      const total: Total = { requests: 0, billedMs: 0, cold: 0, initMs: [] };
      let holdMs = Math.min(firstHoldMs, bound);
      let last: WarmUpRound | null = null;
      for (let round = 1; round <= maxRounds; round++) {
        last = await options.to.warmUp({ instances: needed, holdMs });
        add(total, last);
        context.progress(`${last.instances.length} of ${needed} instances answered at once`);
        if (last.instances.length >= needed) {
          result = evidenceOf(options.strategy, { needed, rounds: round, holdMs }, last, total);
          return;
        }
        if (last.throttled > 0) await context.clock.sleep(throttledPauseMs, context.signal);
        holdMs = Math.min(holdMs * holdGrowth, bound);
      }
      throw functionErrors.make(
        'functions-warm-up-incomplete',
        `${last?.instances.length ?? 0} of ${needed} instances in ${options.to.region} answered at once; ${last?.throttled ?? 0} invocations were throttled, ${last?.failed ?? 0} failed${last?.reason ? `: ${last.reason}` : ''}`,
        { needed, last, requests: total.requests },
      );
    },
  };
}

/** Sends one round and waits at most a few seconds for it: a cold answer is better than none. */
export function askByInvocations(options: Asked): Step<'warm'> {
  let result: Evidence | null = null;
  return {
    ...invoking(options.to, () => result),
    title: `Start function instances in ${options.to.region} by invocations, without waiting for all`,
    timeoutMs: 60_000,
    act: async (context) => {
      result = await askOnce(options, context.clock);
    },
  };
}

interface Asked {
  readonly to: FunctionRegion;
  /** `null`: the number is not known. */
  readonly needed: () => Promise<number | null>;
  readonly strategy: string;
}

async function askOnce({ to, needed: ask, strategy }: Asked, clock: Clock): Promise<Evidence> {
  try {
    const needed = await ask();
    if (needed === null) return { needed, strategy };
    // Invocations on their way continue without this step: they were sent.
    const round = to.warmUp({ instances: needed, holdMs: firstHoldMs * holdGrowth });
    const answered = await within(clock, failoverPatienceMs, round);
    const instances = answered === noAnswer ? null : answered.instances.length;
    return { needed, instances, strategy };
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return { needed: null, notAsked: error.code, why: error.message };
  }
}

/**
 * The common part of both steps. Only this controller knows which environments have answered, so a
 * new controller asks again.
 */
function invoking(to: FunctionRegion, result: () => Evidence | null) {
  return {
    name: 'warm',
    waits: 'machine',
    pollMs: 100,
    keepsAcrossReplan: true,
    undo: { none: `idle instances in ${to.region} cost nothing, and the provider ends them` },
    observe: async () => {
      const known = result();
      return known === null ? pending({}) : done(known);
    },
  } as const satisfies Partial<Step>;
}

function evidenceOf(
  strategy: string,
  round: { needed: number; rounds: number; holdMs: number },
  { instances }: WarmUpRound,
  { requests, billedMs, cold, initMs }: Total,
): Evidence {
  const slowest = initMs.length === 0 ? null : Math.max(...initMs);
  return {
    ...round,
    instances: instances.length,
    former: 0,
    strategy,
    requests,
    billedMs,
    cold,
    slowestStartMs: slowest,
  };
}

function add(total: Total, round: WarmUpRound): void {
  total.requests += round.requests;
  total.billedMs += round.billedMs;
  total.cold += round.cold;
  total.initMs.push(...round.initMs);
}
