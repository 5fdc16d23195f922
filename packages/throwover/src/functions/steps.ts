import type { Clock } from '../kernel/kernel.ts';
import { done, evidenceOf, look, pending } from '../runbook/observe.ts';
import type { Step } from '../runbook/step.ts';
import { functionErrors } from './errors.ts';
import type { FunctionRegion } from './function-region.ts';

/** Longest time for provisioned capacity to be ready, ms: AWS documents minutes for large requests. */
const warmTimeoutMs = 10 * 60_000;

/** The new region has as many warm instances as the traffic needs, before any of it arrives. */
export function warm(options: { to: FunctionRegion; needed: () => Promise<number> }): Step {
  return {
    name: 'warm',
    title: `Start warm function instances in ${options.to.region}`,
    waits: 'machine',
    timeoutMs: warmTimeoutMs,
    pollMs: 50,
    undo: async () => {
      await options.to.release();
    },
    observe: (context) =>
      look(async () => {
        const { provisioned } = await options.to.facts();
        if (provisioned === null) return pending({ provisioned: 0 });
        const { requested, ready, status, reason } = provisioned;
        if (status === 'failed') {
          throw functionErrors.make(
            'functions-provision-failed',
            `${options.to.region} could not start ${requested} instances: ${reason ?? 'no reason given'}`,
            { requested, ready },
          );
        }
        context.progress(`${ready} of ${requested} instances are warm`);
        return status === 'ready' ? done({ instances: ready }) : pending({ requested, ready });
      }),
    act: async () => {
      await options.to.provision(await options.needed());
    },
  };
}

/** Warm capacity stays for the first minutes, when p99 would suffer without it. Waits, changes nothing. */
export function keepWarm(options: { keepMs: number; clock: Clock }): Step {
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

/** No warm capacity is paid for any longer. */
export function release(options: { to: FunctionRegion }): Step {
  return {
    name: 'release',
    title: `Release the warm capacity in ${options.to.region}`,
    waits: 'machine',
    timeoutMs: 60_000,
    pollMs: 100,
    undo: { none: 'comes after the point of no return' },
    observe: () =>
      look(async () => {
        const { provisioned } = await options.to.facts();
        return provisioned === null ? done({}) : pending({ requested: provisioned.requested });
      }),
    act: async () => {
      await options.to.release();
    },
  };
}
