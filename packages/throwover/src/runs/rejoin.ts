import type { DatabaseSide } from '../authority/database-side.ts';
import {
  attach,
  canRejoin,
  claim,
  closeReturned,
  ledgerPossible,
  newestPromotion,
  OldWriter,
  salvage,
} from '../replication/replication.ts';
import type { Store } from '../store/store.ts';
import { forwardStragglers } from '../traffic/traffic.ts';
import { deliverHeld, type LossWindow, redeliverLost } from '../webhooks/webhooks.ts';
import type { BuildRun } from './definition.ts';
import { isWindow } from './window.ts';

/**
 * How long the returned region's door is waited for, ms: its processes are starting, and one that never
 * heard of the switch would go on serving from a database that is closed.
 */
const returnedDoorMs = 15_000;

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
    guards: [
      canRejoin({ active: active.database, returned: returned.database }),
      ledgerPossible({ store, service: policy.service, region: returned.name }),
    ],
    steps: [
      closeReturned({ returned: returned.database, writer }),
      salvage({
        returned: returned.database,
        store,
        promotion: () => newestPromotion(active.database),
        timeoutMs: policy.attachTimeoutMs,
        consent: policy.consent,
      }),
      forwardStragglers({
        from: returned.door,
        to: active.door,
        forwardUrl: policy.backwardUrl,
        opens: false,
        patienceMs: returnedDoorMs,
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
              window: ({ run }) => windowOfOpener({ store, active: active.database, run }),
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
 * asked too. An epoch that was opened by hand: whatever was answered with a position beyond the switch.
 * `null`: it was opened by a run that lost nothing.
 */
async function windowOfOpener(options: {
  store: Store;
  active: DatabaseSide;
  run: { service: string; epoch: number };
}): Promise<Omit<LossWindow, 'key'> | null> {
  const { store, active, run } = options;
  const { service, epoch } = run;
  const runs = await store.runs({ service, limit: runsLookedAt });
  const opener = runs.find(
    (one) => one.epoch === epoch - 1 && one.kind !== 'rejoin' && one.status !== 'undone',
  );
  if (opener === undefined) {
    const { switchPosition } = await newestPromotion(active);
    return { epoch: epoch - 1, fromWallMs: null, beyond: switchPosition };
  }
  if (opener.kind !== 'failover') return null;
  const { records } = await store.run(opener.runId);
  for (const record of [...records].reverse()) {
    if (record.type !== 'outcome' || record.step !== 'redeliver-webhooks') continue;
    const { window } = record.evidence;
    return isWindow(window) ? window : null;
  }
  return null;
}
