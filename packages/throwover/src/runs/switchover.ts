import { openEpoch, seeWriter } from '../authority/authority.ts';
import { functionsReady } from '../functions/functions.ts';
import type { Clock } from '../kernel/kernel.ts';
import {
  attach,
  catchUp,
  caughtUpTerms,
  checkpoint,
  databasesReady,
  failbackUnlocked,
  fence,
  nothingPassesTheFence,
  OldWriter,
  oneCluster,
  ownPromotion,
  prewarm,
  promote,
  Standby,
  stopOld,
  waitForLag,
} from '../replication/replication.ts';
import type { Guard } from '../runbook/runbook.ts';
import {
  flip,
  forwardStragglers,
  HeldDoor,
  holdDoor,
  lowerTtl,
  trafficReady,
} from '../traffic/traffic.ts';
import { deliverHeld, gatewaysReady, holdDeliveries } from '../webhooks/webhooks.ts';
import type { StepName } from './by-hand.ts';
import { type BuildRun, type BuiltRun, together } from './definition.ts';
import { lagFacts } from './facts.ts';
import type { RunPolicy, RunPorts } from './ports.ts';
import { roomGuard, warmthOf } from './warmth.ts';

/**
 * Time between the end of `catch-up` and the fence's deadline, ms: the guard must accept the
 * promotion within it.
 */
const promotionReserveMs = 2_000;

/** Longest time that the standby may take to receive what was written, ms. */
const longestCatchUpMs = 10_000;

/**
 * A planned switch to another region that loses nothing (A2).
 *
 * before: if the team asks for it, lower the TTL and wait until the old one has passed, before any
 * step that costs money.
 * arm: warm functions (by the team's strategy), write a checkpoint, read tables into the cache;
 * then wait for a small lag and hold webhooks.
 * switch: hold the door, fence, catch up, promote (no return), open the epoch, forward stragglers.
 * The service takes no writes between `fence` and `forward`, so only the necessary steps are there.
 * The fence has a deadline, so a controller that dies there does not close the service for longer
 * than that.
 * settle: stop the old database before it writes past the switch position, flip DNS, deliver the
 * held webhooks, attach the old side, keep the warm capacity for the first minutes, release it.
 */
export const switchover: BuildRun = (ports, policy, clock) => ({
  guards: [
    ...plannedGuards(ports, policy, clock),
    failbackUnlocked({
      store: ports.store,
      service: policy.service,
      to: ports.to.name,
      home: policy.home,
    }),
  ],
  steps: plannedSteps(ports, policy, clock),
  facts: () => lagFacts(ports.from.database),
});

/** The guards of every planned switch: databases, traffic, webhooks and functions are ready. */
export function plannedGuards(ports: RunPorts, policy: RunPolicy, clock: Clock): readonly Guard[] {
  const { from, to, dns, gateways } = ports;
  return [
    databasesReady({ service: policy.service, from: from.database, to: to.database }),
    oneCluster({ from: from.database, to: to.database }),
    nothingPassesTheFence({ from: from.database }),
    trafficReady({ dns, from: from.door, to: to.door }),
    ...(from.functions && to.functions
      ? [functionsReady({ from: from.functions, to: to.functions })]
      : []),
    ...roomGuard(ports, policy, clock),
    gatewaysReady(gateways),
  ];
}

/** The steps of a switchover, which a failback has too. */
export function plannedSteps(ports: RunPorts, policy: RunPolicy, clock: Clock): BuiltRun['steps'] {
  const { from, to, dns, gateways, store } = ports;
  const { fenceDeadlineMs } = policy;
  const writer = new OldWriter({
    from: from.database,
    to: to.database,
    openTransactionsMs: policy.openTransactionsMs,
    deadlineMs: fenceDeadlineMs,
  });
  const standby = new Standby(to.database);
  const warmth = warmthOf(ports, policy, clock);
  const held = new HeldDoor({ door: from.door, holdMs: policy.doorHoldMs });
  const some = gateways.length > 0;
  return [
    ...(policy.lowerTtl === undefined
      ? []
      : [
          lowerTtl({
            dns,
            ttlSeconds: policy.record.ttlSeconds,
            beyond: ports.beyondTtl ?? (async () => ({ ms: null, atLeast: false, count: 0 })),
            ...policy.lowerTtl,
          }),
        ]),
    ...together('arm', [
      ...warmth.arm,
      checkpoint({ from: from.database }),
      prewarm({ to: to.database }),
    ]),
    ...together('ready', [
      waitForLag({
        from: from.database,
        boundMs: policy.lagBoundMs,
        timeoutMs: policy.armTimeoutMs,
      }),
      ...(some
        ? [holdDeliveries({ gateways, from: { region: from.name, url: policy.returnUrl } })]
        : []),
    ]),
    ...warmth.approach,
    holdDoor({
      from: from.door,
      held,
      holdMs: policy.doorHoldMs,
      drainMs: policy.openTransactionsMs,
    }),
    ...[
      fence({ writer, to: standby }),
      catchUp({
        to: standby,
        writer,
        timeoutMs: Math.min(
          longestCatchUpMs,
          fenceDeadlineMs - policy.openTransactionsMs - promotionReserveMs,
        ),
      }),
      promote({
        to: to.database,
        seen: standby,
        terms: caughtUpTerms({ writer }),
      }),
      openEpoch({ store, to: to.name, database: to.database }),
      forwardStragglers({
        from: from.door,
        to: to.door,
        forwardUrl: policy.forwardUrl,
        opens: true,
      }),
    ].map((step) => held.during<StepName>(step)),
    stopOld({ from: from.database }),
    flip({ dns, to: to.name, record: policy.record, clock }),
    ...(some
      ? [deliverHeld({ gateways, to: { region: to.name, url: policy.deliverUrl }, opens: true })]
      : []),
    attach({
      old: from.database,
      upstream: to.name,
      timeoutMs: policy.attachTimeoutMs,
      ledger: { store, consent: policy.consent },
      promotion: async (context) => ownPromotion(context),
    }),
    ...warmth.settle,
    seeWriter({ database: to.database }),
  ];
}
