import { commandOf, type DatabaseSide } from '../authority/authority.ts';
import { type Evidence, isThrowoverError } from '../kernel/kernel.ts';
import { done, look, pending, type Step } from '../runbook/runbook.ts';
import { commandTimeoutMs, positionPollMs } from './timings.ts';

/**
 * Waits until the standby's lag is small enough for a short promotion; changes nothing. Otherwise
 * the promotion might replay minutes of log while no region takes writes.
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

/** Writes a checkpoint on the old primary, so that its later restart as a standby is short. */
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
      await options.from.checkpoint(commandOf(run));
      written = true;
    },
  };
}

/**
 * Reads the application's tables into the standby's cache, so that its first requests there do not
 * wait for a disk. A switchover is correct without it, so a failure is reported and does not end
 * the run.
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
        result = { ...(await options.to.prewarm(commandOf(run))) };
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        result = { notRead: error.code, why: error.message };
      }
    },
  };
}
