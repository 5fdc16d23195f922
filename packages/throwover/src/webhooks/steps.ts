import { type Clock, type Evidence, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import {
  done,
  look,
  type Observation,
  Patience,
  pending,
  type Step,
  type StepContext,
} from '../runbook/runbook.ts';
import { statusSoon } from './answering.ts';
import type { GatewayControl } from './gateway-control.ts';
import type { GatewayMode, GatewayStatus, LossWindow } from './wire.ts';

/** An event that has waited less than this is in normal delivery and not in a backlog, ms. */
const backlogAgeMs = 2_000;

/**
 * How long the run waits for the backlog, ms. One event that the application keeps refusing is
 * retried for hours; the run must not wait for it, and the gateway goes on delivering after the
 * run.
 */
const backlogPatienceMs = 30_000;

/**
 * How long a gateway may be silent before a run that can continue without it does so, ms: a status
 * takes one round trip.
 */
const silentPatienceMs = 4_000;

/**
 * How long such a run waits for one answer, ms: gateways that answer must not wait for those that
 * are gone.
 */
const oneAnswerMs = 1_000;

/** Gateways of which some may be gone with their region. */
interface Some {
  readonly gateways: readonly GatewayControl[];
  /** A run that leaves a lost region continues without the gateways that do not answer. */
  readonly withoutSilent?: true;
}

/**
 * Makes all gateways journal webhooks without delivering them while the writer moves; then no
 * delivery is in flight.
 */
export function holdDeliveries(options: {
  gateways: readonly GatewayControl[];
  /** The target of deliveries after the run is undone. */
  from: { region: string; url: string };
}): Step<'hold-webhooks'> {
  const crowd = new Crowd(options);
  return {
    name: 'hold-webhooks',
    title: 'Hold webhook deliveries; go on accepting events',
    waits: 'machine',
    timeoutMs: 30_000,
    pollMs: 20,
    keepsAcrossReplan: true,
    undo: (context) =>
      crowd.set({ mode: 'deliver', epoch: context.run.epoch, ...options.from }, context),
    observe: ({ clock }) =>
      crowd.look(clock, ({ current, inFlight }) => current.mode === 'hold' && inFlight === 0),
    act: (context) => crowd.set({ mode: 'hold', epoch: context.run.epoch }, context),
  };
}

/**
 * Delivers the held events to the active region. Done when the backlog is gone, or after a time;
 * what is left is reported and delivered later. `opens`: this run opens a new epoch, and the mode
 * belongs to that; otherwise it belongs to the present epoch.
 */
export function deliverHeld(
  options: Some & { to: { region: string; url: string }; opens: boolean },
): Step<'deliver-webhooks'> {
  const crowd = new Crowd(options);
  const epochIn = ({ epoch }: { epoch: number }) => (options.opens ? epoch + 1 : epoch);
  let deliveringSinceMs: number | null = null;
  return {
    name: 'deliver-webhooks',
    title: `Deliver the held webhooks to ${options.to.region}`,
    waits: 'machine',
    timeoutMs: 10 * 60_000,
    pollMs: 100,
    undo: { none: 'webhooks go where the active region is' },
    observe: async (context) => {
      const { clock, run } = context;
      const delivering = await crowd.look(
        clock,
        ({ current }) => current.mode === 'deliver' && current.epoch >= epochIn(run),
      );
      if (delivering.state !== 'done') return delivering;
      const backlog = crowd.seen.reduce((sum, status) => sum + status.backlog, 0);
      const drained = crowd.seen.every(
        ({ oldestMs }) => oldestMs === null || oldestMs < backlogAgeMs,
      );
      context.progress(`${backlog} events to deliver`);
      deliveringSinceMs ??= clock.monotonicMs();
      const evidence = { ...delivering.evidence, backlog };
      const waitedMs = clock.monotonicMs() - deliveringSinceMs;
      return drained || waitedMs >= backlogPatienceMs ? done(evidence) : pending(evidence);
    },
    act: (context) =>
      crowd.set({ mode: 'deliver', epoch: epochIn(context.run), ...options.to }, context),
  };
}

/**
 * Delivers again, with a mark, every webhook whose effect may be missing on the new side. `null`: no
 * effect may be missing. A gateway that is gone with its region is asked when that region rejoins.
 */
export function redeliverLost(
  options: Some & { window: (context: StepContext) => Promise<Omit<LossWindow, 'key'> | null> },
): Step<'redeliver-webhooks'> {
  const crowd = new Crowd(options);
  let result: Evidence | null = null;
  return {
    name: 'redeliver-webhooks',
    title: 'Deliver the webhooks of the loss window again, marked',
    waits: 'machine',
    timeoutMs: 120_000,
    pollMs: 100,
    undo: { none: 'an event that is delivered again is handled once, by its id' },
    observe: async () => (result === null ? pending({}) : done(result)),
    act: async (context) => {
      const window = await options.window(context);
      if (window === null) {
        result = { window, why: 'nothing can be missing' };
        return;
      }
      const { run } = context;
      const answers = await Promise.all(
        options.gateways.map(async (gateway) => {
          try {
            // Ask for its status before waiting for it: a large window takes long.
            await crowd.statusOf(gateway, context.clock);
            const { events } = await gateway.redeliver({ ...window, key: run.runId }, run.token);
            return [gateway.region, events] as const;
          } catch (error) {
            if (!options.withoutSilent || !isThrowoverError(error, 'gateway-unreachable'))
              throw error;
            return [gateway.region, 'no answer: asked again when it rejoins'] as const;
          }
        }),
      );
      result = { window, events: Object.fromEntries(answers) };
    },
  };
}

/** All gateways of a run, asked and commanded together. */
class Crowd {
  readonly #gateways: readonly GatewayControl[];
  readonly #withoutSilent: boolean;
  readonly #patience: ReadonlyMap<GatewayControl, Patience>;
  /** Gateways that did not answer the command; it is sent again when they answer. */
  readonly #untold = new Map<GatewayControl, () => Promise<unknown>>();
  /** The gateways that answered the last look. */
  seen: readonly GatewayStatus[] = [];

  constructor({ gateways, withoutSilent }: Some) {
    this.#gateways = gateways;
    this.#withoutSilent = withoutSilent === true;
    this.#patience = new Map(gateways.map((gateway) => [gateway, new Patience(silentPatienceMs)]));
  }

  /** Done when the condition holds at every gateway, apart from those that are gone. */
  async look(clock: Clock, holds: (status: GatewayStatus) => boolean): Promise<Observation> {
    const seen: GatewayStatus[] = [];
    const looks = await Promise.all(
      this.#gateways.map((gateway) => {
        const one = async () => {
          const status = await this.statusOf(gateway, clock);
          seen.push(status);
          if (holds(status)) return done({});
          await this.#untold.get(gateway)?.();
          return pending({});
        };
        const patience = this.#withoutSilent ? this.#patience.get(gateway) : undefined;
        return patience === undefined ? look(one) : patience.look(clock, one);
      }),
    );
    this.seen = seen;
    const silent = this.#gateways.length - seen.length;
    const evidence = { gateways: seen.length, ...(silent === 0 ? {} : { silent }) };
    // A gateway that answers must not wait for one that does not.
    if (looks.some(({ state }) => state === 'pending')) return pending(evidence);
    return looks.find(({ state }) => state !== 'done') ?? done(evidence);
  }

  /** Throws `gateway-unreachable` early if the run can continue without that gateway. */
  statusOf(gateway: GatewayControl, clock: Clock): Promise<GatewayStatus> {
    return this.#withoutSilent ? statusSoon(gateway, clock, oneAnswerMs) : gateway.status();
  }

  async set(mode: GatewayMode, { run, clock }: Pick<StepContext, 'run' | 'clock'>): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => this.#tell(gateway, mode, run.token, clock)));
  }

  async #tell(gateway: GatewayControl, mode: GatewayMode, token: number, clock: Clock) {
    const told = gateway.set(mode, token);
    if (!this.#withoutSilent) return void (await told);
    this.#untold.delete(gateway);
    if ((await within(clock, silentPatienceMs, told)) !== noAnswer) return;
    this.#untold.set(gateway, () => this.#tell(gateway, mode, token, clock));
  }
}
