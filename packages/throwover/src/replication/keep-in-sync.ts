import { commandOf, type DatabaseSide } from '../authority/authority.ts';
import { done, pending, type Step } from '../runbook/runbook.ts';
import type { Store } from '../store/store.ts';
import { expiry } from './expire-writer.ts';
import { commandTimeoutMs, positionPollMs } from './timings.ts';

/**
 * Synchronous mode without a lease: from now on neither the store nor the new side's guard writes
 * down that commits do not wait. Without that record the old side's commits wait for the standby,
 * so a loss that is judged afterwards holds until the promotion. In strict mode `expire-writer` asks
 * for the same. Undo: such records are allowed again.
 */
export function keepInSync(options: {
  store: Store;
  from: DatabaseSide;
  to: DatabaseSide;
}): Step<'keep-in-sync'> {
  const { store, from, to } = options;
  let asked = false;
  return {
    name: 'keep-in-sync',
    title: `From now on ${from.region}'s commits may not go ahead of ${to.region}`,
    waits: 'machine',
    timeoutMs: commandTimeoutMs,
    pollMs: positionPollMs,
    holdsForController: true,
    undo: async ({ run: { service, runId, token } }) => {
      await store.restoreWriter({ service, runId, token });
    },
    observe: async () => (asked ? done({ asked }) : pending({ asked })),
    act: async (context) => {
      await Promise.all([expiry(store, context), to.endPromises(commandOf(context.run))]);
      asked = true;
    },
  };
}
