import { done, look, pending } from '../runbook/observe.ts';
import type { Step } from '../runbook/step.ts';
import type { Store } from '../store/store.ts';

/** The next epoch is open, with the new region active: from here on effects of the old epoch are refused. */
export function openEpoch(options: { store: Store; to: string }): Step<'open-epoch'> {
  return {
    name: 'open-epoch',
    title: `Open the next epoch with ${options.to} active`,
    waits: 'machine',
    timeoutMs: 60_000,
    pollMs: 20,
    undo: { none: 'comes after the point of no return' },
    observe: ({ run }) =>
      look(async () => {
        const { epoch, active } = await options.store.service(run.service);
        return epoch === run.epoch + 1 && active === options.to
          ? done({ epoch, active })
          : pending({ epoch, active });
      }),
    act: async ({ run }) => {
      await options.store.openEpoch({
        service: run.service,
        runId: run.runId,
        token: run.token,
        epoch: run.epoch + 1,
        active: options.to,
      });
    },
  };
}
