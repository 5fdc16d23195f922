import {
  attach,
  canRejoin,
  claim,
  closeReturned,
  newestPromotion,
  OldWriter,
} from '../replication/replication.ts';
import type { Store } from '../store/store.ts';
import { forwardStragglers } from '../traffic/traffic.ts';
import { deliverHeld, type LossWindow, redeliverLost } from '../webhooks/webhooks.ts';
import type { BuildRun } from './definition.ts';
import { isWindow } from './window.ts';

/** Runs among which the failover is looked for that left the returned region. */
const runsLookedAt = 50;

/**
 * A region that was left comes back as a standby of the active one (`from`); it is `to` here because
 * the data flows that way. The active region and the epoch stay as they are, and it is never opened.
 *
 * close it, salvage what it alone has (before `attach-old` throws that away), send its stragglers and
 * its webhooks to the active region, webhooks of the loss window once more, attach it.
 */
export const rejoin: BuildRun = (ports, policy, clock) => {
  const { from: active, to: returned, gateways, store } = ports;
  const writer = new OldWriter({
    from: returned.database,
    to: active.database,
    openTransactionsMs: 0,
    deadlineMs: null,
  });
  const some = gateways.length > 0;
  return {
    guards: [canRejoin({ active: active.database, returned: returned.database })],
    steps: [
      closeReturned({ returned: returned.database, writer }),
      // Place of `salvage`: it reads the returned side's log, which `attach-old` overwrites.
      forwardStragglers({
        from: returned.door,
        to: active.door,
        forwardUrl: policy.backwardUrl,
        opens: false,
      }),
      ...(some
        ? [
            deliverHeld({
              gateways,
              to: { region: active.name, url: policy.returnUrl },
              opens: false,
            }),
            redeliverLost({
              gateways,
              window: ({ run }) => windowOfFailover(store, run),
            }),
          ]
        : []),
      attach({
        old: returned.database,
        upstream: active.name,
        timeoutMs: policy.attachTimeoutMs,
        promotion: () => newestPromotion(active.database),
      }),
    ],
    facts: async () => ({}),
    claim: claim([active.database, returned.database], clock),
  };
};

/**
 * What the failover that opened this epoch delivered again, so that a gateway which was gone then is
 * asked too. `null`: the epoch was opened by a run that lost nothing, or by hand.
 */
async function windowOfFailover(
  store: Store,
  { service, epoch }: { service: string; epoch: number },
): Promise<Omit<LossWindow, 'key'> | null> {
  const runs = await store.runs({ service, limit: runsLookedAt });
  const opener = runs.find((run) => run.kind === 'failover' && run.epoch === epoch - 1);
  if (opener === undefined) return null;
  const { records } = await store.run(opener.runId);
  for (const record of [...records].reverse()) {
    if (record.type !== 'outcome' || record.step !== 'redeliver-webhooks') continue;
    const { window } = record.evidence;
    return isWindow(window) ? window : null;
  }
  return null;
}
