import { isPosition } from '@throwover/client';
import { openEpoch, seeWriter } from '../authority/authority.ts';
import type { Clock } from '../kernel/kernel.ts';
import {
  catchUpLossy,
  caughtUp,
  expireWriter,
  exposureNow,
  failoverTerms,
  fenceIfReachable,
  keepInSync,
  lossView,
  lossWithinBound,
  OldWriter,
  oneCluster,
  oneWriter,
  promote,
  promoted,
  sequenceAdvance,
  standbyAnswers,
  unsentNow,
  withoutAnswer,
} from '../replication/replication.ts';
import type { StepContext } from '../runbook/runbook.ts';
import { flip, forwardStragglers, trafficReady } from '../traffic/traffic.ts';
import {
  deliverHeld,
  type GatewayControl,
  type LossWindow,
  redeliverLost,
  someGatewayReady,
  statusSoon,
} from '../webhooks/webhooks.ts';
import { controlPlaneElsewhere } from './control-plane.ts';
import { type BuildRun, together } from './definition.ts';
import { warmthOf } from './warmth.ts';

/**
 * Deliveries from this long before the first write that may be missing are repeated too, ms. It
 * covers the difference between the clocks of two regions, and the duration of a delivery.
 */
const redeliveryMarginMs = 60_000;

/**
 * How long the fence of a failover stands if no controller carries the run on, ms. It is far above
 * the time from the fence to the promotion (silent gateways 4 s, writes that still arrive 5 s),
 * because a fence that ends earlier turns the run back. It ends at all because the old region may
 * be sick and alive.
 */
const fenceStandsMs = 60_000;

/** How far back deliveries are repeated when it is unknown since when writes may be missing, ms. */
const unknownWindowMs = 3_600_000;

/**
 * The active region is lost or sick; loss possible, bounded, and accepted by name. The run ends
 * without the old region; `rejoin` attaches that when it is back.
 *
 * close, all at once: ask for warm functions, close the old database if it answers, wait for the
 *   end of its lease (strict), keep its commits waiting for the standby (synchronous). Webhooks are not held: deliveries to the old side from now on are
 *   repeated.
 * open: receive the writes that can still be had, promote (no return) with the known loss, open the
 *   epoch; then move DNS, doors and webhooks at the same time; then repeat the webhooks of the loss
 *   window.
 */
export const failover: BuildRun = (ports, policy, clock) => {
  const { from, to, dns, gateways, store, history } = ports;
  const {
    service,
    strict,
    synchronous,
    consent,
    lostPatienceMs,
    lossBoundMs: boundMs,
    idsPerSecond,
  } = policy;
  const writer = new OldWriter({
    from: from.database,
    to: to.database,
    openTransactionsMs: policy.openTransactionsMs,
    deadlineMs: fenceStandsMs,
    lostPatienceMs,
  });
  const loss = lossView({
    store,
    service,
    from: from.database,
    to: to.database,
    synchronous,
    history,
    clock,
  });
  const sides = { from: from.database, to: to.database, lostPatienceMs, loss, boundMs };
  const warmth = warmthOf(ports, policy, clock);
  const some = gateways.length > 0;
  const withoutSilent = true;
  return {
    guards: [
      standbyAnswers({ service, from: from.database, to: to.database, lostPatienceMs, strict }),
      oneCluster({ from: from.database, to: to.database, lostPatienceMs }),
      oneWriter({ from: from.database, lostPatienceMs, strict }),
      lossWithinBound(sides),
      trafficReady({ dns, from: from.door, to: to.door, withoutOldDoor: true }),
      ...(some ? [someGatewayReady(gateways, lostPatienceMs)] : []),
      controlPlaneElsewhere({ from: from.name, standsIn: policy.standsInFrom }),
    ],
    steps: [
      ...together('close', [
        ...warmth.ask,
        ...(strict ? [expireWriter({ store, writer, to: to.database })] : []),
        ...(synchronous && !strict
          ? [keepInSync({ store, from: from.database, to: to.database })]
          : []),
        fenceIfReachable({ writer, without: withoutAnswer(strict, consent) }),
      ]),
      catchUpLossy({ to: to.database, writer, clock, consent, boundMs, idsPerSecond, loss }),
      promote({
        to: to.database,
        terms: failoverTerms({ store, to: to.database, writer, strict, consent }),
        title: `Make ${to.name}'s database the primary, without what it has not received`,
      }),
      openEpoch({ store, to: to.name, database: to.database }),
      ...together('traffic', [
        flip({ dns, to: to.name, record: policy.record, clock }),
        forwardStragglers({
          from: from.door,
          to: to.door,
          forwardUrl: policy.forwardUrl,
          opens: true,
        }),
        ...(some
          ? [
              deliverHeld({
                gateways,
                to: { region: to.name, url: policy.deliverUrl },
                opens: true,
                withoutSilent,
              }),
            ]
          : []),
      ]),
      ...(some
        ? [
            redeliverLost({
              gateways,
              withoutSilent,
              window: async (context) => lossWindow(context),
            }),
          ]
        : []),
      ...warmth.settle,
      seeWriter({ database: to.database }),
    ],
    facts: async () => {
      const [exposure, unsent, ...webhooks] = await Promise.all([
        exposureNow({ ...sides, clock }),
        unsentNow({ ...sides, clock }),
        ...gateways.map((gateway) => gatewayFacts(gateway, clock, lostPatienceMs)),
      ]);
      return {
        exposure,
        unsent,
        lossBoundMs: boundMs,
        sequenceAdvance: sequenceAdvance(exposure, idsPerSecond),
        webhooks,
        writerFence: strict ? 'strict' : 'available',
      };
    },
  };
};

/**
 * Returns the deliveries whose effect may be missing on the new side; `null` if there are none,
 * because the new side has everything up to the last position of the old side itself.
 *
 * It is not enough that commits were synchronous and in sync. The old side can show the effect of a
 * commit that was cut off while it waited for the standby, so that the next delivery of the same
 * event is answered 2xx although the new side does not have the effect.
 */
function lossWindow(context: StepContext): Omit<LossWindow, 'key'> | null {
  const { complete, exposure, position } = caughtUp.of(context) ?? {};
  const received = exposure?.kind === 'none' && exposure.why === 'all-received';
  if (received && isPosition(position)) return null;
  const since = exposure?.kind === 'at-risk' ? exposure.sinceWallMs : null;
  const beyond = promoted.of(context)?.switchPosition ?? null;
  const { epoch } = context.run;
  if (complete === true && beyond !== null) return { epoch, fromWallMs: null, beyond };
  return {
    epoch,
    fromWallMs:
      since === null ? context.clock.wallMs() - unknownWindowMs : since - redeliveryMarginMs,
    beyond,
  };
}

/**
 * Returns the events that are only in this gateway. A gateway that does not answer may hold events
 * that no other gateway has.
 */
async function gatewayFacts(gateway: GatewayControl, clock: Clock, patienceMs: number) {
  const { region } = gateway;
  try {
    const { backlog, refusedWaiting, deadLetters } = await statusSoon(gateway, clock, patienceMs);
    return { region, answers: true, backlog, refusedWaiting, deadLetters };
  } catch {
    return { region, answers: false };
  }
}
