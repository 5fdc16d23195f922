import { type Clock, newId, type Random } from '../../kernel/kernel.ts';
import { stampName } from '../canary/canary.ts';
import type { AddressType, ResolverClient } from './ask.ts';
import { clockOffsetMs, copiesOf } from './copies.ts';
import { type Findings, infer } from './infer.ts';
import type { NameRecord, Observation, Role } from './observation.ts';
import { nextAsk } from './schedule.ts';

/** Names that are followed for each TTL: an odd number, so that one odd trial decides nothing. */
const trialsPerTtl = 3;

/** Followed names begin within this time, ms: caches that count whole seconds are met in different parts of one. */
const spreadMs = 1_000;

/** Queries in a row without an answer after which a name is given up. */
const maxUnanswered = 5;
const unansweredPauseMs = 1_000;

/** Queries after an answer was replaced: does the old one come back? */
const closingAsks = 3;
const closingStepMs = 250;

/** How far past its end a name that was left alone is asked again: a part of the hold, and whole seconds. */
const idleShare = 0.25;
const idleBeyondMs = 2_500;

/** How long the server answers for a name before it fails, ms: tried in this order until one is answered. */
const failingAfterMs = [1_500, 4_000, 12_000];
const failingAsks = 3;

export interface SurveyOptions {
  readonly client: ResolverClient;
  /** The canary zone. */
  readonly zone: string;
  /** TTLs to ask for, s. */
  readonly ttlsSeconds: readonly number[];
  /** What is still kept after this time counts as never let go, ms. */
  readonly longestHoldMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Something more is known. */
  readonly onChange?: () => void;
}

interface LiveName extends NameRecord {
  readonly name: string;
  ended: boolean;
  readonly observations: Observation[];
}

/** One resolver, asked until it is known how it keeps answers: as long as its longest hold lasts. */
export class ResolverSurvey {
  readonly #options: SurveyOptions;
  readonly #names: LiveName[] = [];
  #type: AddressType = 'AAAA';
  #identity: string | null = null;
  #finished = false;

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /** What is known so far. */
  findings(): Findings {
    return infer(this.#names, this.#options);
  }

  /** The address that the zone's server was asked from; `null` until it is known. */
  get identity(): string | null {
    return this.#identity;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Ends when all is known, or rejects with the signal's reason. */
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

  /** AAAA tells milliseconds; where it is filtered A tells seconds. False: the resolver gives neither. */
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

  /** Asks until the answer is replaced, or for the longest hold that is waited for. */
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

  /** Another answer is there, and stays; where caches take turns, all have had their time. */
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

  /** Age at which an honest answer of this TTL has ended at this resolver, whatever it clamps, ms. */
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
