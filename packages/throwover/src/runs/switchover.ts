import { openEpoch } from '../authority/open-epoch.ts';
import {
  functionsReady,
  keepWarm,
  neededInstances,
  release,
  warm,
} from '../functions/functions.ts';
import type { Clock } from '../kernel/kernel.ts';
import {
  attach,
  catchUp,
  caughtUpProof,
  checkpoint,
  databasesReady,
  fence,
  OldWriter,
  promote,
  stopOld,
  waitForLag,
} from '../replication/replication.ts';
import type { Guard, Step } from '../runbook/step.ts';
import { flip, forwardStragglers, holdDoor, trafficReady } from '../traffic/traffic.ts';
import { deliverHeld, gatewaysReady, holdDeliveries } from '../webhooks/webhooks.ts';
import type { RunPolicy, RunPorts } from './ports.ts';

export interface RunDefinition {
  readonly guards: readonly Guard[];
  readonly steps: readonly Step[];
}

/**
 * Planned, nothing lost (A2).
 *
 * arm: warm functions, checkpoint, wait for a small lag, hold webhook deliveries.
 * switch: hold the door, fence, catch up, promote (no return), open the epoch, forward stragglers.
 *   Nobody can write between `fence` and `forward`: only what must stand there does.
 * settle: stop the old database before it writes past the switch position, flip DNS, deliver the held
 *   webhooks, attach the old side, keep the warm capacity for the first minutes, release it.
 */
export function switchover(ports: RunPorts, policy: RunPolicy, clock: Clock): RunDefinition {
  const { from, to, dns, gateways, store } = ports;
  const writer = new OldWriter({
    from: from.database,
    openTransactionsMs: policy.openTransactionsMs,
  });
  const functions =
    to.functions === null || policy.warm === null ? null : { to: to.functions, warm: policy.warm };
  return {
    guards: [
      databasesReady({ from: from.database, to: to.database }),
      trafficReady({ dns, from: from.door, to: to.door }),
      ...(functions && from.functions
        ? [functionsReady({ from: from.functions, to: functions.to })]
        : []),
      gatewaysReady(gateways),
    ],
    steps: [
      ...(functions ? [warm({ to: functions.to, needed: () => needed(ports, functions) })] : []),
      checkpoint({ from: from.database }),
      waitForLag({
        from: from.database,
        boundMs: policy.lagBoundMs,
        timeoutMs: policy.armTimeoutMs,
      }),
      ...(gateways.length > 0
        ? [holdDeliveries({ gateways, from: { region: from.name, url: policy.returnUrl } })]
        : []),
      holdDoor({
        from: from.door,
        holdMs: policy.doorHoldMs,
        drainMs: policy.openTransactionsMs,
      }),
      fence(writer),
      catchUp({ to: to.database, writer }),
      promote({ to: to.database, proof: caughtUpProof({ to: to.database, writer }) }),
      openEpoch({ store, to: to.name }),
      forwardStragglers({ from: from.door, to: to.door, forwardUrl: policy.forwardUrl }),
      stopOld({ from: from.database }),
      flip({ dns, to: to.name, record: policy.record, clock }),
      ...(gateways.length > 0
        ? [deliverHeld({ gateways, to: { region: to.name, url: policy.deliverUrl } })]
        : []),
      attach({ from: from.database, upstream: to.name, timeoutMs: policy.attachTimeoutMs }),
      ...(functions
        ? [keepWarm({ keepMs: functions.warm.keepMs, clock }), release({ to: functions.to })]
        : []),
    ],
  };
}

/** Instances that the traffic needs in the new region, from what the old region's door has seen at once. */
async function needed(
  ports: RunPorts,
  functions: { to: NonNullable<RunPorts['to']['functions']>; warm: NonNullable<RunPolicy['warm']> },
): Promise<number> {
  const { instances, burst } = functions.warm;
  const facts = await functions.to.facts();
  if (instances !== 'measured')
    return neededInstances({ peakConcurrency: instances, burst: 1, facts });
  const { peakConcurrency } = await ports.from.door.status();
  return neededInstances({ peakConcurrency, burst, facts });
}
