import { type Clock, type Evidence, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import { done, look, Patience, pending, type Step, type StepContext } from '../runbook/runbook.ts';
import { functionErrors } from './errors.ts';
import type { FunctionRegion } from './function-region.ts';
import { flipped, warmed } from './outcomes.ts';

/**
 * Longest time that a failover waits for an answer about warm capacity, ms: no region takes writes
 * meanwhile.
 */
export const failoverPatienceMs = 3_000;

/**
 * Longest time until provisioned capacity is ready, ms: AWS documents minutes for large requests.
 */
const warmTimeoutMs = 10 * 60_000;

/**
 * Provisions as many warm instances in the new region as the traffic needs, and waits until they
 * are ready, before traffic moves. It remembers the team's own provisioned capacity there, so that
 * `release` restores it.
 */
export function warm(options: {
  to: FunctionRegion;
  needed: () => Promise<number>;
  /** The strategy that requests the capacity, for the record. */
  strategy: string;
}): Step<'warm'> {
  let needed: number | null = null;
  let asked = false;
  return {
    name: 'warm',
    title: `Start warm function instances in ${options.to.region}`,
    waits: 'machine',
    timeoutMs: warmTimeoutMs,
    pollMs: 50,
    keepsAcrossReplan: true,
    undo: (context) => giveBack(options.to, formerIn(context.before) ?? 0),
    observe: (context) =>
      look(async () => {
        needed ??= await options.needed();
        const { provisioned } = await options.to.facts();
        const requested = provisioned?.requested ?? 0;
        if (provisioned === null || requested < needed) return pending({ requested, needed });
        const { ready, status, reason } = provisioned;
        if (status === 'failed' && asked) {
          throw functionErrors.make(
            'functions-provision-failed',
            `${options.to.region} could not start ${requested} instances: ${reason ?? 'no reason given'}`,
            { requested, ready },
          );
        }
        context.progress(`${ready} of ${requested} instances are warm`);
        return status === 'ready'
          ? done({
              instances: ready,
              needed,
              former: formerIn(context.before) ?? requested,
              strategy: options.strategy,
            })
          : pending({ requested, ready });
      }),
    act: async () => {
      asked = true;
      await options.to.provision(needed ?? (await options.needed()));
    },
  };
}

/**
 * Requests warm instances without waiting for them: the traffic of a lost region has no other
 * target, and a cold answer is better than none. If the instances are refused, or the number is
 * unknown, that is reported and does not end the run.
 */
export function askForWarm(options: {
  to: FunctionRegion;
  /** `null`: the number is not known. */
  needed: () => Promise<number | null>;
  strategy: string;
}): Step<'warm'> {
  const { to } = options;
  const patience = new Patience(failoverPatienceMs);
  let result: Evidence | null = null;
  return {
    name: 'warm',
    title: `Ask for warm function instances in ${options.to.region}, without waiting for them`,
    waits: 'machine',
    timeoutMs: 60_000,
    pollMs: 50,
    keepsAcrossReplan: true,
    undo: (context) => giveBack(options.to, formerIn(context.before) ?? 0),
    // The run continues without a provider that does not answer: then nothing was requested, and
    // `release` knows that.
    observe: ({ clock }) =>
      patience.look(clock, async () => {
        if (result !== null) return done(result);
        const facts = await within(clock, failoverPatienceMs, to.facts());
        if (facts === noAnswer) throw silent(to);
        return pending({ requested: facts.provisioned?.requested ?? 0 });
      }),
    act: async (context) => {
      const former = formerIn(context.before) ?? 0;
      const ask = async () => {
        const needed = await options.needed();
        if (needed !== null && needed > former) await to.provision(needed);
        return needed;
      };
      try {
        const asked = await within(context.clock, failoverPatienceMs, ask());
        const said = asked === noAnswer ? { needed: null, unanswered: true } : { needed: asked };
        result = { ...said, former, strategy: options.strategy };
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        result = { needed: null, former, notAsked: error.code, why: error.message };
      }
    },
  };
}

function silent({ region }: FunctionRegion) {
  const message = `${region}: the functions' provider did not answer within ${failoverPatienceMs} ms`;
  return functionErrors.make('functions-unreachable', message, { region });
}

/**
 * Returns the capacity that was provisioned before the run requested more, from the journal; `null`
 * if the run has not requested any.
 */
function formerIn(before: Evidence | null): number | null {
  const requested = before?.['requested'];
  return typeof requested === 'number' ? requested : null;
}

/** Restores the number of instances that the team had provisioned itself. */
async function giveBack(to: FunctionRegion, former: number): Promise<void> {
  if (former === 0) await to.release();
  else await to.provision(former);
}

/**
 * Keeps warm capacity for the first minutes, in which p99 would suffer without it. Waits, changes
 * nothing.
 */
export function keepWarm(options: { keepMs: number; clock: Clock }): Step<'keep-warm'> {
  return {
    name: 'keep-warm',
    title: 'Keep the warm capacity through the first minutes',
    waits: 'scaled',
    timeoutMs: options.keepMs + 60_000,
    pollMs: 250,
    undo: { none: 'nothing was changed' },
    observe: async (context) => {
      const { atWallMs } = flipped.of(context) ?? {};
      if (atWallMs === undefined) return done({ keptMs: 0 });
      // Wall time, because a resumed run shares no monotonic time with the controller before it.
      const keptMs = options.clock.wallMs() - atWallMs;
      return keptMs >= options.keepMs ? done({ keptMs }) : pending({ keptMs });
    },
    act: async () => {},
  };
}

/**
 * Returns the warm capacity to the level that the team had provisioned itself. A run that requested
 * none releases none.
 */
export function release(options: { to: FunctionRegion }): Step<'release'> {
  const formerOf = (context: StepContext) => warmed.of(context)?.former ?? null;
  return {
    name: 'release',
    title: `Release the warm capacity in ${options.to.region}`,
    waits: 'machine',
    timeoutMs: 60_000,
    pollMs: 100,
    undo: { none: 'comes after the point of no return' },
    observe: (context) =>
      look(async () => {
        const former = formerOf(context);
        if (former === null) return done({ asked: false });
        const { provisioned } = await options.to.facts();
        const requested = provisioned?.requested ?? 0;
        return requested <= former ? done({ requested }) : pending({ requested });
      }),
    act: async (context) => {
      const former = formerOf(context);
      if (former !== null) await giveBack(options.to, former);
    },
  };
}
