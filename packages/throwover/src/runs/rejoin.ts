import type { DatabaseSide } from '../authority/authority.ts';
import {
  attach,
  canRejoin,
  closeReturned,
  ledgerPossible,
  mayFollow,
  newestPromotion,
  OldWriter,
  salvage,
  salvaged,
} from '../replication/replication.ts';
import type { StepContext } from '../runbook/runbook.ts';
import { journalOf, type Store } from '../store/store.ts';
import { forwardStragglers } from '../traffic/traffic.ts';
import { deliverHeld, type LossWindow, redelivered, redeliverLost } from '../webhooks/webhooks.ts';
import type { BuildRun } from './definition.ts';

/**
 * How long the run waits for the returned region's door, ms. Its processes are starting, and a door
 * that never heard of the switch would go on serving from a closed database.
 */
const returnedDoorMs = 15_000;

/** Number of newest runs that are searched for the failover that left the returned region. */
const runsLookedAt = 50;

/**
 * Attaches a region that was left as a standby of the active region. The active region is `from`
 * and the returned one `to`, because the data flows that way. The active region and the epoch stay
 * as they are, and the returned region is never opened.
 *
 * Steps: close the returned region, salvage the writes that only it has (before `attach-old`
 * discards them), send its stragglers and its webhooks to the active region, repeat the webhooks of
 * the loss window, attach the region.
 */
export const rejoin: BuildRun = (ports, policy) => {
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
      canRejoin({
        service: policy.service,
        active: active.database,
        returned: returned.database,
      }),
      mayFollow({ active: active.database, returned: returned.database }),
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
              window: async (context) =>
                (await windowOfOpener({ store, active: active.database, run: context.run })) ??
                windowOfLedger(active.database, context),
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
  };
};

/**
 * Returns the deliveries that the failover which opened this epoch repeated, so that a gateway that
 * was unreachable then gets them too. If the epoch was opened by hand: all deliveries that were
 * answered with a position beyond the switch position. `null` if it was opened by a run that lost
 * nothing.
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
  if (opener === undefined || opener.status === 'abandoned') return beyondSwitch(active, epoch);
  if (opener.kind !== 'failover') return null;
  const journal = await journalOf(store, opener.runId);
  // Nobody can say what it lost: as if a person had opened the epoch.
  if (journal === null) return beyondSwitch(active, epoch);
  return redelivered.in(journal.records)?.outcome.window ?? null;
}

/** Returns the deliveries that were answered with a position beyond the switch position. */
async function beyondSwitch(active: DatabaseSide, epoch: number): Promise<Omit<LossWindow, 'key'>> {
  const { switchPosition } = await newestPromotion(active);
  return { epoch: epoch - 1, fromWallMs: null, beyond: switchPosition };
}

/**
 * Returns the deliveries that were answered with a position beyond the switch position, if the
 * returned side had committed more than the active one has, or if that is unknown. `null` if it had
 * committed nothing more.
 */
async function windowOfLedger(
  active: DatabaseSide,
  context: StepContext,
): Promise<Omit<LossWindow, 'key'> | null> {
  const found = salvaged.of(context);
  if (found?.rows === 0 || found?.notNeeded !== undefined) return null;
  return beyondSwitch(active, context.run.epoch);
}
