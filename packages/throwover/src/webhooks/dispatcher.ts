import { Agent } from 'undici';
import { assertNever, type Clock, type Random } from '../kernel/kernel.ts';
import type { DeliveryConfig } from './config.ts';
import { attempt, backoffMs, type DeliveredSource, type Outcome, type Target } from './delivery.ts';
import type { EventJournal, Settlement } from './journal.ts';
import { Lane, type Next } from './lane.ts';

type Failure = Exclude<Outcome, { kind: 'delivered' }>;

export type Log = (
  level: 'info' | 'warn' | 'error',
  event: string,
  fields: Record<string, unknown>,
) => void;

/**
 * Most connections to one door: every source at its concurrency, within what a door should accept
 * from one peer.
 */
const MAX_CONNECTIONS = 256;

interface Parts {
  readonly journal: EventJournal;
  readonly delivery: DeliveryConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Delivers the journal's pending events to one target, at least once each (A3).
 *
 * - Attempts of a source start in arrival order, at most `concurrency` at once.
 * - An answer that is not 2xx is a refusal: the event backs off alone, and after `maxRefusals` is a
 *   dead letter.
 * - When the door does not answer, all events wait and one at a time is tried again. That does not
 *   count against the event, unless others were delivered between two such attempts: then the event
 *   is the cause.
 * - `stop` resolves when no delivery is in flight and every outcome is in the journal.
 */
export class Dispatcher {
  readonly #parts: Parts;
  readonly #lanes: readonly Lane[];
  #target: Target | null = null;
  #flights = new Set<AbortController>();
  #landed: (() => void)[] = [];
  #deliveries = 0;
  #away: { readonly reason: string; readonly failures: number; readonly untilMs: number } | null =
    null;
  #timer: AbortController | null = null;

  constructor(parts: Parts & { readonly sources: readonly DeliveredSource[] }) {
    const { sources, journal } = parts;
    this.#parts = parts;
    this.#lanes = sources.map((source) => new Lane({ source, journal }));
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  get away(): string | null {
    return this.#away?.reason ?? null;
  }

  /**
   * Starts deliveries to this target. Events that failed at the last target are tried at once, on
   * new connections.
   */
  start(target: Omit<Target, 'connections'>): void {
    this.#target = { ...target, connections: new Agent({ connections: MAX_CONNECTIONS }) };
    this.#away = null;
    for (const lane of this.#lanes) lane.release('all');
    this.#pump();
  }

  /** Starts no more deliveries; waits `drainMs` for those in flight, then cuts them off. */
  async stop(): Promise<void> {
    const target = this.#target;
    this.#target = null;
    this.#timer?.abort();
    const cutOff = new AbortController();
    this.#parts.clock.sleep(this.#parts.delivery.drainMs, cutOff.signal).then(
      () => {
        for (const flight of this.#flights) flight.abort();
      },
      () => undefined,
    );
    while (this.#flights.size > 0) await new Promise<void>((resolve) => this.#landed.push(resolve));
    cutOff.abort();
    await target?.connections.destroy();
  }

  /** Tells that the journal has a new event of this source. */
  arrived(source: string): void {
    this.#lanes.find((lane) => lane.source.name === source)?.arrived();
    this.#pump();
  }

  /** Tells that delivered events are pending again. */
  again(events: readonly { readonly seq: number; readonly source: string }[]): void {
    for (const lane of this.#lanes) {
      lane.putBackAll(
        events.filter(({ source }) => source === lane.source.name).map(({ seq }) => seq),
      );
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#target === null || this.#parts.journal.failure !== null) return;
    const now = this.#parts.clock.monotonicMs();
    if (this.#away === null) {
      for (const lane of this.#lanes) {
        while (
          lane.inFlight < this.#parts.delivery.concurrency &&
          this.#launch(lane, now, 'retry')
        );
      }
    } else if (now >= this.#away.untilMs && this.#flights.size === 0) {
      // A different event each time, so that one that kills its handler cannot keep the others
      // waiting.
      const prefer = this.#away.failures % 2 === 1 ? 'fresh' : 'retry';
      this.#lanes.some((lane) => this.#launch(lane, now, prefer));
    }
    this.#arm(now);
  }

  #launch(lane: Lane, nowMs: number, prefer: 'retry' | 'fresh'): boolean {
    const target = this.#target;
    const next = target === null ? undefined : lane.take(nowMs, prefer);
    if (target === null || next === undefined) return false;
    void this.#deliver(target, lane, next);
    return true;
  }

  async #deliver(target: Target, lane: Lane, next: Next): Promise<void> {
    const flight = new AbortController();
    this.#flights.add(flight);
    lane.inFlight += 1;
    try {
      const outcome = await attempt({
        target,
        source: lane.source,
        event: next.event,
        timeoutMs: this.#parts.delivery.timeoutMs,
        clock: this.#parts.clock,
        signal: flight.signal,
      });
      await this.#settle(target, lane, next, outcome);
    } catch (error) {
      // The journal has stopped: the event is still pending there, and is delivered again after a
      // restart.
      this.#parts.log('error', 'outcome-not-recorded', {
        seq: next.event.seq,
        error: String(error),
      });
    } finally {
      lane.inFlight -= 1;
      this.#flights.delete(flight);
      for (const resolve of this.#landed.splice(0)) resolve();
      this.#pump();
    }
  }

  async #settle(target: Target, lane: Lane, next: Next, outcome: Outcome): Promise<void> {
    const { seq, id } = next.event;
    const counted = this.#counts(next, outcome);
    const settlement = this.#settlementOf(target, next, outcome, counted);
    await this.#parts.journal.settle(seq, settlement);
    if (outcome.kind === 'delivered') {
      this.#deliveries += 1;
      if (this.#away !== null) this.#back();
      return;
    }
    if (settlement.state === 'dead') {
      this.#parts.log('warn', 'dead-letter', {
        source: lane.source.name,
        id,
        reason: settlement.reason,
      });
      return;
    }
    const awayAt = outcome.kind === 'away' ? this.#deliveries : null;
    lane.putBack({
      seq,
      awayAt,
      dueMs: this.#parts.clock.monotonicMs() + this.#waitMs(next, outcome, counted),
    });
  }

  #settlementOf(target: Target, next: Next, outcome: Outcome, counted: boolean): Settlement {
    const atMs = this.#parts.clock.wallMs();
    switch (outcome.kind) {
      case 'delivered': {
        const { region, position } = outcome;
        return { state: 'delivered', region, epoch: target.epoch, position, atMs };
      }
      case 'unknown':
        return { state: 'pending', counted: false, reason: outcome.reason };
      case 'refused':
      case 'away': {
        const { reason } = outcome;
        if (!counted || next.event.refusals + 1 < this.#parts.delivery.maxRefusals) {
          return { state: 'pending', counted, reason };
        }
        return { state: 'dead', reason: `${reason} (refusal ${next.event.refusals + 1})`, atMs };
      }
      default:
        return assertNever(outcome);
    }
  }

  /**
   * Whether the failure counts against the event: it was refused, or the door did not answer twice
   * while other events were delivered in between.
   */
  #counts(next: Next, outcome: Outcome): boolean {
    if (outcome.kind === 'refused') return true;
    return outcome.kind === 'away' && next.awayAt !== null && this.#deliveries > next.awayAt;
  }

  #waitMs(next: Next, outcome: Failure, counted: boolean): number {
    const { delivery, random } = this.#parts;
    if (outcome.kind === 'unknown') return 0;
    if (counted) return backoffMs(next.event.refusals + 1, delivery.retry, random);
    // Deliveries in flight fail together: the first of them sets the pause.
    const now = this.#parts.clock.monotonicMs();
    if (this.#away !== null && now < this.#away.untilMs) return this.#away.untilMs - now;
    const failures = (this.#away?.failures ?? 0) + 1;
    const waitMs = backoffMs(failures, delivery.away, random);
    if (this.#away === null) this.#parts.log('warn', 'target-away', { reason: outcome.reason });
    this.#away = { reason: outcome.reason, failures, untilMs: now + waitMs };
    return waitMs;
  }

  #back(): void {
    this.#parts.log('info', 'target-back', {});
    this.#away = null;
    for (const lane of this.#lanes) lane.release('away');
  }

  /** Sets one timer, for the event that is due first. */
  #arm(nowMs: number): void {
    this.#timer?.abort();
    const due =
      this.#away?.untilMs ??
      Math.min(...this.#lanes.map((lane) => lane.nextDueMs() ?? Number.POSITIVE_INFINITY));
    if (due === Number.POSITIVE_INFINITY || due <= nowMs) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.#parts.clock.sleep(due - nowMs, timer.signal).then(
      () => this.#pump(),
      () => undefined,
    );
  }
}
