import { isPosition } from '@throwover/client';
import { openEpoch } from '../authority/open-epoch.ts';
import type { Clock } from '../kernel/kernel.ts';
import {
  catchUpLossy,
  claim,
  expireWriter,
  exposureNow,
  failoverTerms,
  fenceIfReachable,
  lossView,
  lossWithinBound,
  OldWriter,
  oneWriter,
  promote,
  sequenceAdvance,
  standbyAnswers,
  unsentNow,
  withoutAnswer,
} from '../replication/replication.ts';
import { evidenceOf } from '../runbook/observe.ts';
import type { StepContext } from '../runbook/step.ts';
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

/** Deliveries so long before the first write that may be missing are repeated too, ms: clocks of two regions, and a delivery's own time. */
const redeliveryMarginMs = 60_000;

/**
 * How long the fence of a failover stands when nobody carries the run on, ms: far above the time from
 * it to the promotion (silent gateways 4 s, what is still coming 5 s), since a fence that ends earlier
 * turns the run back; and an end all the same, should the old region be sick and alive.
 */
const fenceStandsMs = 60_000;

/** How far back deliveries are repeated when nobody knows since when writes may be missing, ms. */
const unknownWindowMs = 3_600_000;

/**
 * The active region is lost or sick; loss possible, bounded, and accepted by name. Ends without the old
 * region: `rejoin` takes it in when it is back.
 *
 * close, all at once: ask for warm functions, close the old database if it answers, wait for the end of
 *   its lease (strict). Webhooks are not held: what is delivered to the old side now is delivered again.
 * open: take in what can still be had, promote (no return) with what is known to be missing, open the
 *   epoch; then DNS, doors and webhooks at once; webhooks of the loss window again.
 */
export const failover: BuildRun = (ports, policy, clock) => {
  const { from, to, dns, gateways, store, history } = ports;
  const { service, strict, consent, lostPatienceMs, lossBoundMs: boundMs, idsPerSecond } = policy;
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
    synchronous: policy.synchronous,
    history,
    clock,
  });
  const sides = { from: from.database, to: to.database, lostPatienceMs, loss, boundMs };
  const warmth = warmthOf(ports, policy, clock);
  const some = gateways.length > 0;
  const withoutSilent = true;
  return {
    guards: [
      standbyAnswers(to.database),
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
        fenceIfReachable({ writer, without: withoutAnswer(strict, consent) }),
      ]),
      catchUpLossy({ to: to.database, writer, clock, consent, boundMs, idsPerSecond, loss }),
      promote({
        to: to.database,
        terms: failoverTerms({ store, to: to.database, writer, strict, consent }),
        title: `Make ${to.name}'s database the primary, without what it has not received`,
      }),
      openEpoch({ store, to: to.name }),
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
    claim: claim([from.database, to.database], clock),
  };
};

/**
 * Deliveries whose effect may be missing on the new side; `null`: none can be, the old side's own last
 * position is here.
 *
 * Synchronous and in sync is not enough for that: a commit that was cut off while it waited for the
 * standby is seen on the old side as an effect that is there already, and its next delivery answers 2xx.
 */
function lossWindow(context: StepContext): Omit<LossWindow, 'key'> | null {
  const { complete, exposure, position } = evidenceOf(context, 'catch-up');
  if (complete === true && isPosition(position)) return null;
  const since = (exposure as { sinceWallMs?: unknown } | undefined)?.sinceWallMs;
  const { switchPosition } = evidenceOf(context, 'promote');
  const beyond = isPosition(switchPosition) ? switchPosition : null;
  const { epoch } = context.run;
  if (complete === true && beyond !== null) return { epoch, fromWallMs: null, beyond };
  return {
    epoch,
    fromWallMs:
      typeof since === 'number'
        ? since - redeliveryMarginMs
        : context.clock.wallMs() - unknownWindowMs,
    beyond,
  };
}

/** What a gateway alone has; one that is silent may hold events that nobody else has. */
async function gatewayFacts(gateway: GatewayControl, clock: Clock, patienceMs: number) {
  const { region } = gateway;
  try {
    const { backlog, refusedWaiting, deadLetters } = await statusSoon(gateway, clock, patienceMs);
    return { region, answers: true, backlog, refusedWaiting, deadLetters };
  } catch {
    return { region, answers: false };
  }
}
