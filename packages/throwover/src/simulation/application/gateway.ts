import { type Position, timelineOf } from '@throwover/client';
import type { EventQueue, Random } from '../../kernel/kernel.ts';
import type {
  GatewayControl,
  GatewayMode,
  GatewayStatus,
  LossWindow,
} from '../../webhooks/webhooks.ts';
import { modelErrors } from '../model-errors.ts';
import type { Machine } from '../world/machine.ts';

/** Time between two attempts for an undelivered event, ms. */
const againMs = 700;

interface HeldEvent {
  readonly id: string;
  readonly receivedMs: number;
  state: 'pending' | 'delivered';
  endedWallMs: number;
  epoch: number;
  position: string | null;
  /** Put back after it was delivered. */
  redelivery: boolean;
}

/** Delivers an event to the application of a region; resolves with the position of its answer. */
export type Deliver = (region: string, event: string) => Promise<string>;

/**
 * A webhook gateway: journals before it answers, delivers to its configured region, and keeps its
 * journal whenever its machine ends. The rules are those of webhooks/journal.ts and modes.ts.
 */
export class ModelGateway implements GatewayControl {
  readonly region: string;
  readonly events: HeldEvent[] = [];
  deliver: Deliver;
  #mode: GatewayMode;
  #token = 0;
  #inFlight = 0;
  /** Counts modes and lives: attempts of an earlier one are not started. */
  #run = 0;
  /** Counts the lives of its machine: an earlier one hears of no outcome. */
  #life = 0;
  /** A new mode waits for the deliveries of the old one. */
  #stopping = false;
  /** Called when a delivery has ended. */
  #landed: (() => void)[] = [];
  readonly #accepted = new Set<string>();
  readonly #redelivered = new Map<string, number>();
  readonly #machine: Machine;
  readonly #queue: EventQueue;
  readonly #random: Random;

  constructor(options: {
    region: string;
    active: string;
    machine: Machine;
    queue: EventQueue;
    random: Random;
    deliver: Deliver;
  }) {
    this.region = options.region;
    this.#machine = options.machine;
    this.#queue = options.queue;
    this.#random = options.random;
    this.deliver = options.deliver;
    this.#mode = { mode: 'deliver', epoch: 1, region: options.active, url: '' };
  }

  /** Accepts a sender's event: it is in the journal when this returns. */
  accept(id: string): void {
    if (this.#accepted.has(id)) return;
    this.#accepted.add(id);
    const receivedMs = this.#queue.nowMs();
    const event: HeldEvent = {
      id,
      receivedMs,
      state: 'pending',
      endedWallMs: 0,
      epoch: 0,
      position: null,
      redelivery: false,
    };
    this.events.push(event);
    void this.#attempt(event, this.#run);
  }

  /** Called after its machine was started again. */
  restart(): void {
    this.#life += 1;
    this.#inFlight = 0;
    this.#landed = [];
    this.#stopping = false;
    this.#run += 1;
    this.#resume(this.#run);
  }

  async status(): Promise<GatewayStatus> {
    const waiting = this.events.filter(({ state }) => state === 'pending');
    const oldest = waiting[0];
    return {
      region: this.region,
      current: this.#mode,
      backlog: waiting.length,
      refusedWaiting: 0,
      redelivering: waiting.filter(({ redelivery }) => redelivery).length,
      inFlight: this.#inFlight,
      accepted: this.events.length,
      delivered: this.events.length - waiting.length,
      deadLetters: 0,
      oldestMs: oldest === undefined ? null : this.#queue.nowMs() - oldest.receivedMs,
    };
  }

  async set(mode: GatewayMode, token: number): Promise<GatewayStatus> {
    // A hold that arrives after a delivery of the same controller is a late copy.
    const late =
      mode.mode === 'hold' && this.#mode.mode === 'deliver' && token === this.#token && token > 0;
    if (token < this.#token || mode.epoch < this.#mode.epoch || late) {
      throw modelErrors.make('gateway-refused', 'an older epoch or token than it has seen');
    }
    this.#token = token;
    const same = JSON.stringify(mode) === JSON.stringify(this.#mode);
    this.#mode = mode;
    if (!same) await this.#change();
    return this.status();
  }

  async redeliver(window: LossWindow, token: number): Promise<{ events: number }> {
    if (token < this.#token)
      throw modelErrors.make('gateway-refused', 'an older token than it has seen');
    this.#token = token;
    const { key, epoch, fromWallMs, beyond } = window;
    const before = this.#redelivered.get(key);
    if (before !== undefined) return { events: before };
    const again = this.events.filter(
      (event) =>
        event.state === 'delivered' &&
        event.epoch <= epoch &&
        ((fromWallMs !== null && event.endedWallMs >= fromWallMs) ||
          (beyond !== null && event.position !== null && isBeyond(event.position, beyond))),
    );
    for (const event of again) {
      event.state = 'pending';
      event.redelivery = true;
    }
    this.#redelivered.set(key, again.length);
    for (const event of again) void this.#attempt(event, this.#run);
    return { events: again.length };
  }

  /** Starts no delivery of the old mode, waits for those in flight, and begins with the new mode. */
  async #change(): Promise<void> {
    this.#run += 1;
    const run = this.#run;
    this.#stopping = true;
    while (this.#inFlight > 0) {
      await new Promise<void>((resolve) => this.#landed.push(resolve));
    }
    if (run !== this.#run) return;
    this.#stopping = false;
    this.#resume(run);
  }

  #resume(run: number): void {
    for (const event of this.events) {
      if (event.state === 'pending') void this.#attempt(event, run);
    }
  }

  async #attempt(event: HeldEvent, run: number): Promise<void> {
    const mode = this.#mode;
    if (run !== this.#run || this.#stopping) return;
    if (event.state !== 'pending' || mode.mode !== 'deliver') return;
    if (this.#machine.still) return this.#later(event, run);
    const life = this.#life;
    this.#inFlight += 1;
    try {
      const position = await this.deliver(mode.region, event.id);
      if (life !== this.#life) return;
      event.state = 'delivered';
      event.endedWallMs = this.#machine.wallMs();
      event.epoch = mode.epoch;
      event.position = position;
    } catch {
      this.#later(event, run);
    } finally {
      if (life === this.#life) {
        this.#inFlight -= 1;
        for (const landed of this.#landed.splice(0)) landed();
      }
    }
  }

  #later(event: HeldEvent, run: number): void {
    this.#queue.after(againMs * (0.5 + this.#random.next()), () => void this.#attempt(event, run));
  }
}

/** Whether one position is beyond another; positions of two timelines are not compared. */
function isBeyond(position: string, beyond: string): boolean {
  return timelineOf(position as Position) === timelineOf(beyond as Position) && position > beyond;
}
