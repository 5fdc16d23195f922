import { done, look, pending } from '../runbook/observe.ts';
import type { Step } from '../runbook/step.ts';
import type { GatewayControl } from './gateway-control.ts';

/** An event that has waited less than this is in normal delivery, not in a backlog, ms. */
const backlogAgeMs = 2_000;

/**
 * How long the run waits for the backlog, ms. One event that the application keeps refusing is retried
 * for hours; the standby must not wait for it, and the gateway goes on delivering after the run.
 */
const backlogPatienceMs = 30_000;

/** Webhooks are journaled and not delivered while the writer moves; none is in flight. */
export function holdDeliveries(options: {
  gateways: readonly GatewayControl[];
  /** Where deliveries go on when the run is undone. */
  from: { region: string; url: string };
}): Step {
  return {
    name: 'hold-webhooks',
    title: 'Hold webhook deliveries; go on accepting events',
    waits: 'machine',
    timeoutMs: 30_000,
    pollMs: 20,
    undo: async ({ run }) => {
      const mode = { mode: 'deliver', epoch: run.epoch, ...options.from } as const;
      await Promise.all(options.gateways.map((gateway) => gateway.set(mode, run.token)));
    },
    observe: () =>
      look(async () => {
        const all = await Promise.all(options.gateways.map((gateway) => gateway.status()));
        const held = all.every(
          ({ current, inFlight }) => current.mode === 'hold' && inFlight === 0,
        );
        return held ? done({ gateways: all.length }) : pending({ gateways: all.length });
      }),
    act: async ({ run }) => {
      const mode = { mode: 'hold', epoch: run.epoch } as const;
      await Promise.all(options.gateways.map((gateway) => gateway.set(mode, run.token)));
    },
  };
}

/** Held events reach the new region; the backlog is gone, or what is left of it is said and delivered later. */
export function deliverHeld(options: {
  gateways: readonly GatewayControl[];
  to: { region: string; url: string };
}): Step {
  let deliveringSinceMs: number | null = null;
  return {
    name: 'deliver-webhooks',
    title: `Deliver the held webhooks to ${options.to.region}`,
    waits: 'machine',
    timeoutMs: 10 * 60_000,
    pollMs: 100,
    undo: { none: 'comes after the point of no return' },
    observe: (context) =>
      look(async () => {
        const all = await Promise.all(options.gateways.map((gateway) => gateway.status()));
        const next = context.run.epoch + 1;
        const backlog = all.reduce((sum, status) => sum + status.backlog, 0);
        const delivering = all.every(
          ({ current }) => current.mode === 'deliver' && current.epoch >= next,
        );
        const drained = all.every(({ oldestMs }) => oldestMs === null || oldestMs < backlogAgeMs);
        context.progress(`${backlog} events to deliver`);
        if (!delivering) return pending({ delivering, backlog });
        deliveringSinceMs ??= context.clock.monotonicMs();
        const waitedMs = context.clock.monotonicMs() - deliveringSinceMs;
        return drained || waitedMs >= backlogPatienceMs
          ? done({ backlog })
          : pending({ delivering, backlog });
      }),
    act: async ({ run }) => {
      const mode = { mode: 'deliver', epoch: run.epoch + 1, ...options.to } as const;
      await Promise.all(options.gateways.map((gateway) => gateway.set(mode, run.token)));
    },
  };
}
