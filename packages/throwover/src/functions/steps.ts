import { type Clock, type Evidence, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import { done, evidenceOf, look, Patience, pending } from '../runbook/observe.ts';
import type { Step, StepContext } from '../runbook/step.ts';
import { functionErrors } from './errors.ts';
import type { FunctionRegion } from './function-region.ts';

/** Longest time that a failover waits for an answer about warm capacity, ms: nobody can write meanwhile. */
export const failoverPatienceMs = 3_000;

/** Longest time for provisioned capacity to be ready, ms: AWS documents minutes for large requests. */
const warmTimeoutMs = 10 * 60_000;

/**
 * The new region has as many warm instances as the traffic needs, before any of it arrives. What the
 * team had provisioned there itself is remembered, so that `release` puts it back.
 */
export function warm(options: {
  to: FunctionRegion;
  needed: () => Promise<number>;
  /** For the record: what the capacity is asked for. */
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
 * Warm instances are asked for, and not waited for: the traffic of a lost region has nowhere else to
 * go, and a cold answer is better than none. That they cannot be had, or that nobody knows how many,
 * is said and ends nothing.
 */
export function askForWarm(options: {
  to: FunctionRegion;
  /** `null`: nobody knows. */
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
    // A provider that is silent is gone on without: then nothing was asked for, and `release` knows it.
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

/** What was provisioned before the run asked for more, from the journal; null when it has not asked. */
function formerIn(before: Evidence | null): number | null {
  const requested = before?.['requested'];
  return typeof requested === 'number' ? requested : null;
}

/** As many provisioned instances as the team had by itself. */
async function giveBack(to: FunctionRegion, former: number): Promise<void> {
  if (former === 0) await to.release();
  else await to.provision(former);
}

/** Warm capacity stays for the first minutes, when p99 would suffer without it. Waits, changes nothing. */
export function keepWarm(options: { keepMs: number; clock: Clock }): Step<'keep-warm'> {
  return {
    name: 'keep-warm',
    title: 'Keep the warm capacity through the first minutes',
    waits: 'scaled',
    timeoutMs: options.keepMs + 60_000,
    pollMs: 250,
    undo: { none: 'nothing was changed' },
    observe: async (context) => {
      const { atWallMs } = evidenceOf(context, 'flip');
      if (typeof atWallMs !== 'number') return done({ keptMs: 0 });
      // Wall time, since a resumed run has no monotonic time in common with the one before it.
      const keptMs = options.clock.wallMs() - atWallMs;
      return keptMs >= options.keepMs ? done({ keptMs }) : pending({ keptMs });
    },
    act: async () => {},
  };
}

/** No more warm capacity is paid for than the team had by itself. A run that asked for none releases none. */
export function release(options: { to: FunctionRegion }): Step<'release'> {
  const formerOf = (context: StepContext) => {
    const { former } = evidenceOf(context, 'warm');
    return typeof former === 'number' ? former : null;
  };
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
