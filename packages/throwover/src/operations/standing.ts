import type { DatabaseSide, DatabaseStatus } from '../authority/authority.ts';
import { type Clock, isThrowoverError, type Random } from '../kernel/kernel.ts';
import { lostPatienceMs } from '../replication/replication.ts';
import { approve, type Plan, type RunResult } from '../runbook/runbook.ts';
import type { Service } from '../service/service.ts';
import { expectations } from './carry-on.ts';
import { forecastBefore } from './forecast-before.ts';
import type { Operated } from './operated.ts';
import { planFor } from './planned-run.ts';
import { unattended } from './unattended.ts';

/** Pause after a failover that could not begin, ms, because the reason may go away. */
const pauseMs = 5_000;

/**
 * Pause after a failover that began and was undone, of which people are told each time, ms; it
 * doubles up to `longestUndonePauseMs`.
 */
const firstUndonePauseMs = 30_000;
const longestUndonePauseMs = 600_000;

/** `approval.standing` of throwover.yaml. */
export type StandingPolicy = NonNullable<Service['approval']['standing']>;

/**
 * Longest time that a look may take beyond the policy's own wait, ms: the deadline of a call
 * to a guard is 2 s. If a look or a pause took longer, this process stood still, so the
 * region was not watched.
 */
const lookTakesMs = 2_500;

/**
 * Longest time from the deciding look until the run begins, ms. All parts are asked at the same
 * time for a few seconds; if it took longer than this, the process stood still and its plan is out
 * of date.
 */
const freshMs = 15_000;

/** An act of the standing policy, as a line of the log of `throwover serve`. */
export type StandingEvent =
  | { readonly event: 'region-silent'; readonly region: string; readonly seen: string }
  | { readonly event: 'region-answers'; readonly region: string }
  | { readonly event: 'standing-failover'; readonly runId: string; readonly from: string }
  | { readonly event: 'standing-refused'; readonly error: string }
  | {
      readonly event: 'standing-ended';
      readonly runId: string;
      readonly status: RunResult['status'];
    };

/**
 * Fails over by the mandate that the team gave ahead of time (`approval.standing`), when the active
 * region is lost for as long as the policy says. Lost means that both are true:
 *
 * 1. Its guard does not answer, or reports that no primary runs.
 * 2. The standby, asked separately, receives nothing from it or gets no answer from its database.
 *
 * So a witness that is itself cut off does not cause a failover. Time in which this process stood
 * still (frozen, suspended, starved) does not count either: afterwards the silence is counted from
 * the beginning. Never fails back: that is asked for by a person. Does nothing while a run is open
 * or automation is halted. Ends when the signal is aborted.
 */
export async function keepStanding(options: {
  service: Operated;
  policy: StandingPolicy;
  signal: AbortSignal;
  /** Random numbers for the forecast that each run is scored by. */
  random: Random;
  log: (event: StandingEvent) => void;
}): Promise<void> {
  const { service, policy, signal, random, log } = options;
  const { clock } = service;
  const standing = new Standing(service, policy, { random, log });
  while (!signal.aborted) {
    const begunMs = clock.monotonicMs();
    let restMs = policy.everyMs;
    try {
      await standing.look(signal);
      restMs -= clock.monotonicMs() - begunMs;
    } catch (error) {
      if (signal.aborted) return;
      standing.refused(error);
      restMs = pauseMs;
    }
    restMs = Math.max(1, restMs);
    standing.rests(restMs);
    await clock.sleep(restMs, signal).catch(() => {});
  }
}

class Standing {
  readonly #service: Operated;
  readonly #policy: StandingPolicy;
  readonly #random: Random;
  readonly #log: (event: StandingEvent) => void;
  /** The region that every look since `sinceMs` found lost; `null` if the last look did not. */
  #silent: { readonly region: string; readonly sinceMs: number } | null = null;
  /** The reason in the last notice about this silence. */
  #told: string | null = null;
  #undone: { readonly pauseMs: number; readonly untilMs: number } | null = null;
  /** Time at which the next look is due; `null`: this process has not looked yet. */
  #dueMs: number | null = null;

  constructor(
    service: Operated,
    policy: StandingPolicy,
    { random, log }: Pick<Parameters<typeof keepStanding>[0], 'random' | 'log'>,
  ) {
    this.#service = service;
    this.#policy = policy;
    this.#random = random;
    this.#log = log;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { store, name, clock } = this.#service;
    // Taken before the question: a later answer describes no earlier time.
    const lookedMs = clock.monotonicMs();
    if (this.#dueMs !== null && this.#stoodStill(this.#dueMs)) this.#silent = null;
    const state = await known(store.service(name));
    if (state === null) return;
    const { active, epoch, openRun } = state;
    if (openRun !== null) {
      // The controller of that run decides; afterwards the silence is counted from the beginning.
      this.#silent = null;
      return;
    }
    const seen = await this.#seen(active);
    if (this.#stoodStill(lookedMs)) {
      // Its answers are from different times, and late answers look like silence.
      this.#silent = null;
      return;
    }
    this.#note(active, seen, lookedMs);
    if (seen === null || this.#silent === null) return;
    if (lookedMs - this.#silent.sinceMs < this.#policy.forMs) return;
    if (this.#undone !== null && lookedMs < this.#undone.untilMs) return;
    if ((await store.halt()) !== null) return;
    await this.#failOver({ from: active, to: seen.standby, epoch }, signal);
  }

  /**
   * Notes that the next look begins after this pause, ms, unless this process stands still
   * meanwhile.
   */
  rests(ms: number): void {
    this.#dueMs = this.#service.clock.monotonicMs() + ms;
  }

  /** Whether this process ran too seldom since then to count the silence as the region's. */
  #stoodStill(sinceMs: number): boolean {
    const limitMs = this.#policy.everyMs + lookTakesMs;
    return this.#service.clock.monotonicMs() - sinceMs > limitMs;
  }

  /**
   * A failover was not possible, so people are needed: notifies them once per reason, while the
   * policy goes on trying. An error that is not one of throwover's is a bug; it ends neither the
   * watch nor `serve`.
   */
  refused(error: unknown): void {
    const { name, notifiers, clock } = this.#service;
    const known = isThrowoverError(error);
    const said = known ? `${error.code}: ${error.message}` : String(error);
    this.#log({ event: 'standing-refused', error: said });
    const reason = known ? error.code : said;
    if (this.#silent === null || this.#told === reason) return;
    this.#told = reason;
    const { region } = this.#silent;
    notifiers.tell({
      kind: 'needs-approval',
      service: name,
      runId: null,
      subject: `Needs you: ${region} of ${name} is lost, and the automatic failover did not begin`,
      text: [
        said,
        ...(known ? [error.notLost, error.remedy] : []),
        'It is tried again every 5 s. To decide yourself: `throwover plan failover --to REGION`.',
      ].join('\n'),
      wallMs: clock.wallMs(),
    });
  }

  /**
   * Returns the standby that can take over from a lost region, with the reason; `null` if the
   * region is not lost or no standby can take over.
   */
  async #seen(active: string): Promise<{ readonly standby: string; readonly why: string } | null> {
    const { regions, clock } = this.#service;
    // Once there is a doubt, ask both at the same time: a login over a silent link takes as long as
    // its timeout.
    const doubted = this.#silent?.region === active;
    const looks = await Promise.all(
      regions.map(async ({ name, database }) => {
        const asked = doubted && name !== active ? unheard(database) : null;
        const status = await answerWithin(database.status(), this.#policy.everyMs, clock);
        return { name, status, unheard: async () => await (asked ?? unheard(database)) };
      }),
    );
    const own = looks.find(({ name }) => name === active)?.status ?? null;
    if (own?.role === 'primary') return null;
    const standbys = looks.filter(
      ({ name, status }) => name !== active && status?.role === 'standby',
    );
    const said = own === null ? 'its guard does not answer' : `its database is ${own.role}`;
    for (const { name, status, unheard } of standbys) {
      const nothing = status?.streaming === false ? 'receives nothing from it' : await unheard();
      if (nothing !== null) return { standby: name, why: `${said}; ${name} ${nothing}` };
    }
    return null;
  }

  #note(region: string, seen: { readonly why: string } | null, nowMs: number): void {
    if (seen === null) {
      if (this.#silent !== null) this.#log({ event: 'region-answers', region });
      this.#silent = null;
      this.#told = null;
      this.#undone = null;
      return;
    }
    if (this.#silent?.region === region) return;
    this.#silent = { region, sinceMs: nowMs };
    this.#log({ event: 'region-silent', region, seen: seen.why });
  }

  async #failOver(
    direction: { from: string; to: string; epoch: number },
    signal: AbortSignal,
  ): Promise<void> {
    const service = this.#service;
    const { by, overrides } = this.#policy;
    const consent = { by: `standing policy of ${by}`, overrides };
    const begunMs = service.clock.monotonicMs();
    // Every look has already waited this long for the region, without an answer.
    const waits = { lostPatienceMs: Math.min(this.#policy.everyMs, lostPatienceMs) };
    const planned = { kind: 'failover' as const, direction, consent, signal, ...waits };
    const { plan, digest } = await planFor(service, planned);
    const mandate = approve(plan, {
      digest,
      by: consent.by,
      // A policy lists what it would accept; a plan takes only the overrides that it asks for.
      overrides: overrides.filter((name) => asksFor(plan, name)),
    });
    // The run may do what its mandate records, and no more.
    const { steps, claim } = service.define(
      'failover',
      direction,
      { by: consent.by, overrides: mandate.overrides },
      waits,
    );
    if (service.clock.monotonicMs() - begunMs > freshMs) {
      this.#silent = null;
      return;
    }
    const expected = () => expectations(service, 'failover');
    const what = { steps, claim, expected, plan, mandate, leaveSignal: signal };
    const { from } = direction;
    const before = forecastBefore(service, {
      ...{ kind: 'failover', from, approveMs: null, later: true },
      random: this.#random,
    });
    const told = (begun: string) => this.#log({ event: 'standing-failover', runId: begun, from });
    const { runId, status } = await unattended(service, what, told, before);
    this.#log({ event: 'standing-ended', runId, status });
    this.#silent = null;
    if (status !== 'undone') return;
    const { clock } = service;
    const pause = Math.min(
      this.#undone === null ? firstUndonePauseMs : this.#undone.pauseMs * 2,
      longestUndonePauseMs,
    );
    this.#undone = { pauseMs: pause, untilMs: clock.monotonicMs() + pause };
  }
}

/** `null` if the store does not know the service, so that the active region is not known yet. */
async function known<T>(state: Promise<T>): Promise<T | null> {
  try {
    return await state;
  } catch (error) {
    if (isThrowoverError(error, 'no-such-service')) return null;
    throw error;
  }
}

function asksFor(plan: Plan, name: string): boolean {
  return plan.guards.some(
    ({ refusals, mayAsk = [] }) =>
      mayAsk.includes(name) || refusals.some(({ override }) => override === name),
  );
}

/**
 * Returns what the guard of a standby with a connected receiver says about a primary that does not
 * answer; the receiver itself notices that late. `null` if the standby reaches the primary, or that
 * is unknown.
 */
async function unheard(standby: DatabaseSide): Promise<string | null> {
  try {
    const word = await standby.upstream();
    return word.answers === false ? `gets no answer from its database (${word.said})` : null;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}

/** `null` if there was no answer in time or the guard is unreachable. */
async function answerWithin(
  answer: Promise<DatabaseStatus>,
  ms: number,
  clock: Clock,
): Promise<DatabaseStatus | null> {
  const answered = new AbortController();
  const late = clock.sleep(ms, answered.signal).then(
    () => null,
    () => null,
  );
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  } finally {
    answered.abort();
  }
}
