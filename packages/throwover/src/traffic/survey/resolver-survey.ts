import { type Clock, newId, type Random } from '../../kernel/kernel.ts';
import { stampName } from '../canary/canary.ts';
import type { AddressType, ResolverClient } from './ask.ts';
import { clockOffsetMs, copiesOf } from './copies.ts';
import { infer } from './infer.ts';
import type { NameRecord, Observation, Role } from './observation.ts';
import type { Findings } from './report.ts';
import { nextAsk } from './schedule.ts';

/** Names that are followed for each TTL: an odd number, so that one outlier decides nothing. */
const trialsPerTtl = 3;

/**
 * Followed names begin within this time, ms, so that caches that count whole seconds are met in
 * different parts of a second.
 */
const spreadMs = 1_000;

/** Number of queries in a row without an answer after which a name is given up. */
const maxUnanswered = 5;
const unansweredPauseMs = 1_000;

/** Number of queries after an answer was replaced, which show whether the old one comes back. */
const closingAsks = 3;
const closingStepMs = 250;

/** How far past its end an idle name is asked again: a share of the hold, plus whole seconds. */
const idleShare = 0.25;
const idleBeyondMs = 2_500;

/**
 * How long the server answers for a name before it fails, ms: tried in this order until one is
 * answered.
 */
const failingAfterMs = [1_500, 4_000, 12_000];
const failingAsks = 3;

export interface SurveyOptions {
  readonly client: ResolverClient;
  /** The canary zone. */
  readonly zone: string;
  /** TTLs to ask for, s. */
  readonly ttlsSeconds: readonly number[];
  /** An answer that is still kept after this time counts as never released, ms. */
  readonly longestHoldMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called when there are new results. */
  readonly onChange?: () => void;
}

interface LiveName extends NameRecord {
  readonly name: string;
  ended: boolean;
  readonly observations: Observation[];
}

/** Asks one resolver until its behaviour is known, which takes as long as its longest hold. */
export class ResolverSurvey {
  readonly #options: SurveyOptions;
  readonly #names: LiveName[] = [];
  #type: AddressType = 'AAAA';
  #identity: string | null = null;
  #finished = false;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /** Returns the results so far. */
  findings(): Findings {
    return infer(this.#names, this.#options);
  }

  /** The address from which the zone's server was asked; `null` until it is known. */
  get identity(): string | null {
    return this.#identity;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Runs until the results are complete, or rejects with the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { ttlsSeconds, random } = this.#options;
    const shortest = Math.min(...ttlsSeconds);
    if (await this.#chooseType(shortest)) {
      const followed = ttlsSeconds.map((ttlSeconds) => ({
        ttlSeconds,
        ended: Promise.all(
          Array.from({ length: trialsPerTtl }, () =>
            this.#follow(ttlSeconds, random.integer(spreadMs), signal),
          ),
        ),
      }));
      const shortestEnded = followed.find(({ ttlSeconds }) => ttlSeconds === shortest)?.ended;
      await Promise.all([
        ...followed.map(({ ended }) => ended),
        this.#leaveIdle(shortest, shortestEnded, signal),
        this.#leaveFailing(shortest, shortestEnded, signal),
        this.#identify(signal),
      ]);
    }
    this.#finished = true;
    this.#options.onChange?.();
  }

  async #identify(signal: AbortSignal): Promise<void> {
    const { client, clock, zone } = this.#options;
    for (let asked = 0; asked < maxUnanswered && this.#identity === null; asked += 1) {
      if (asked > 0) await clock.sleep(unansweredPauseMs * asked, signal);
      const name = stampName({ zone, ttlSeconds: 0, nonce: this.#nonce() });
      this.#identity = await client.identity(name);
    }
    this.#options.onChange?.();
  }

  /**
   * Chooses the record type: AAAA tells milliseconds; if it is filtered, A tells seconds. Returns
   * false if the resolver gives neither.
   */
  async #chooseType(ttlSeconds: number): Promise<boolean> {
    for (const type of ['AAAA', 'A', 'AAAA', 'A'] as const) {
      this.#type = type;
      const first = this.#begin('idle', ttlSeconds);
      const observation = await this.#ask(first);
      first.ended = true;
      if (observation.outcome === 'answer') return true;
    }
    return false;
  }

  /** Asks until the answer is replaced, or until the longest hold has passed. */
  async #follow(ttlSeconds: number, delayMs: number, signal: AbortSignal): Promise<void> {
    const { clock, longestHoldMs } = this.#options;
    await clock.sleep(delayMs, signal);
    const name = this.#begin('followed', ttlSeconds);
    const startMs = clock.monotonicMs();
    let unanswered = 0;
    let close = 0;
    while (unanswered < maxUnanswered) {
      const observation = await this.#ask(name);
      const elapsedMs = clock.monotonicMs() - startMs;
      if (elapsedMs >= longestHoldMs) break;
      if (observation.outcome === 'none') {
        unanswered += 1;
        await clock.sleep(unansweredPauseMs * unanswered, signal);
        continue;
      }
      unanswered = 0;
      if (await this.#isReplaced(name, elapsedMs, signal)) break;
      const look = { ageMs: elapsedMs, toldLeftMs: observation.ttlSeconds * 1_000, close };
      const next = nextAsk(look);
      close = next.close;
      await clock.sleep(next.waitMs, signal);
    }
    this.#end(name);
  }

  /**
   * Whether another answer is there and stays. If several caches take turns, waits until each can
   * have expired.
   */
  async #isReplaced(name: LiveName, elapsedMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#copies(name).copies.length < 2) return false;
    for (let asked = 0; asked < closingAsks && !this.#copies(name).severalCaches; asked += 1) {
      await this.#options.clock.sleep(closingStepMs, signal);
      await this.#ask(name);
    }
    const { copies, severalCaches } = this.#copies(name);
    if (!severalCaches) return true;
    const longestMs = Math.max(...copies.map((copy) => Math.max(copy.lastAgeMs, copy.toldEndMs)));
    return elapsedMs > 2 * longestMs + idleBeyondMs;
  }

  async #leaveIdle(ttlSeconds: number, ended: Promise<unknown> | undefined, signal: AbortSignal) {
    const { clock } = this.#options;
    const name = this.#begin('idle', ttlSeconds);
    await this.#ask(name);
    const startMs = clock.monotonicMs();
    await ended;
    await clock.sleep(this.#idleMs(ttlSeconds) - (clock.monotonicMs() - startMs), signal);
    await this.#ask(name);
    this.#end(name);
  }

  async #leaveFailing(
    ttlSeconds: number,
    ended: Promise<unknown> | undefined,
    signal: AbortSignal,
  ) {
    const { clock } = this.#options;
    for (const afterMs of failingAfterMs) {
      const untilSeconds = Math.ceil((clock.wallMs() - this.#offsetMs() + afterMs) / 1_000);
      const name = this.#begin('failing', ttlSeconds, untilSeconds);
      const first = await this.#ask(name);
      if (first.outcome === 'none') {
        name.ended = true;
        continue;
      }
      const startMs = clock.monotonicMs();
      await ended;
      const waitMs = Math.max(this.#idleMs(ttlSeconds), afterMs + idleBeyondMs);
      await clock.sleep(waitMs - (clock.monotonicMs() - startMs), signal);
      for (let asked = 0; asked < failingAsks; asked += 1) {
        await this.#ask(name);
        await clock.sleep(unansweredPauseMs, signal);
      }
      this.#end(name);
      return;
    }
  }

  /**
   * Returns the age at which an honest answer of this TTL has ended at this resolver, with any
   * clamp, ms.
   */
  #idleMs(ttlSeconds: number): number {
    const kept = this.findings().kept.find((one) => one.ttlSeconds === ttlSeconds);
    const heldMs = Math.max(
      ttlSeconds * 1_000,
      (kept?.keptSeconds ?? 0) * 1_000,
      ...(kept?.holdsMs ?? []),
    );
    return heldMs * (1 + idleShare) + idleBeyondMs;
  }

  #begin(role: Role, ttlSeconds: number, untilSeconds?: number): LiveName {
    const { zone } = this.#options;
    const until = untilSeconds === undefined ? {} : { untilSeconds };
    const name = stampName({ zone, ttlSeconds, nonce: this.#nonce(), ...until });
    const record: LiveName = { role, ttlSeconds, name, ended: false, observations: [] };
    this.#names.push(record);
    return record;
  }

  #end(name: LiveName): void {
    name.ended = true;
    this.#options.onChange?.();
  }

  async #ask(name: LiveName): Promise<Observation> {
    const observation = await this.#options.client.ask(name.name, this.#type);
    name.observations.push(observation);
    return observation;
  }

  #copies(name: LiveName) {
    return copiesOf(name, this.#offsetMs());
  }

  #offsetMs(): number {
    return clockOffsetMs(this.#names.flatMap(({ observations }) => observations));
  }

  #nonce(): string {
    const { clock, random } = this.#options;
    return newId('s', clock, random).replace('_', '');
  }
}
