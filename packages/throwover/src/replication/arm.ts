import type { DatabaseSide } from '../authority/database-side.ts';
import { type Evidence, isThrowoverError } from '../kernel/kernel.ts';
import { done, look, pending } from '../runbook/observe.ts';
import type { Step } from '../runbook/step.ts';
import { commandTimeoutMs, positionPollMs } from './timings.ts';

/**
 * The standby is close enough behind for a short promotion. Waits, changes nothing.
 * Prevents a promotion that replays minutes of log while nobody can write.
 */
export function waitForLag(options: {
  from: DatabaseSide;
  boundMs: number;
  timeoutMs: number;
}): Step<'wait-for-lag'> {
  return {
    name: 'wait-for-lag',
    title: `Wait until the standby is at most ${options.boundMs} ms behind`,
    waits: 'machine',
    timeoutMs: options.timeoutMs,
    pollMs: 20,
    undo: { none: 'nothing was changed' },
    observe: (context) =>
      look(async () => {
        const { standby } = await options.from.status();
        if (standby === null) return pending({ standby: 'not attached' });
        const evidence = {
          lagMs: standby.lagMs,
          lagBytes: standby.lagBytes,
          boundMs: options.boundMs,
        };
        context.progress(
          standby.lagMs === null
            ? 'lag not known yet'
            : `standby ${Math.round(standby.lagMs)} ms behind`,
        );
        return standby.lagMs !== null && standby.lagMs <= options.boundMs
          ? done(evidence)
          : pending(evidence);
      }),
    onlyWaits: true,
    act: async () => {},
  };
}

/** A recent checkpoint stands in the old primary's log, so that its restart as a standby is short. */
export function checkpoint(options: { from: DatabaseSide }): Step<'checkpoint'> {
  let written = false;
  return {
    name: 'checkpoint',
    title: `Write a checkpoint in ${options.from.region}, so that its later restart is short`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: { none: 'a checkpoint changes no data' },
    observe: async () => (written ? done({}) : pending({})),
    act: async ({ run }) => {
      await options.from.checkpoint(run.token);
      written = true;
    },
  };
}

/**
 * What the application reads is in the standby's cache, so that its first requests there do not wait
 * for a disk. A switchover is right without it, so a failure is said and ends nothing.
 */
export function prewarm(options: { to: DatabaseSide }): Step<'prewarm'> {
  let result: Evidence | null = null;
  return {
    name: 'prewarm',
    title: `Read the application's tables into the cache of ${options.to.region}`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    undo: { none: 'reading changes no data' },
    observe: async () => (result === null ? pending({}) : done(result)),
    act: async ({ run }) => {
      try {
        result = { ...(await options.to.prewarm(run.token)) };
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        result = { notRead: error.code, why: error.message };
      }
    },
  };
}
