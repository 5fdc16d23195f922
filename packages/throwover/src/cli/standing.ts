import type { DatabaseSide, DatabaseStatus } from '../authority/database-side.ts';
import { type Clock, isThrowoverError, type Random } from '../kernel/kernel.ts';
import { lostPatienceMs } from '../replication/replication.ts';
import { approve, type Plan, type RunResult } from '../runbook/runbook.ts';
import { forecastBefore } from './forecast.ts';
import { expectations } from './run-commands.ts';
import { planFor, type Session } from './session.ts';
import { unattended } from './unattended.ts';

/** Pause after a failover that could not be begun, ms: what kept it may pass. */
const pauseMs = 5_000;

/** The same after one that was begun and undone, which people are told of each time; it doubles up to the longest. */
const firstUndonePauseMs = 30_000;
const longestUndonePauseMs = 600_000;

/** What the standing policy did, as a line of the log of `throwover serve`. */
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
 * region is lost: its guard does not answer, or says that no primary runs, and the standby, asked for
 * itself, receives nothing from it either or gets no answer from its database, for as long as the policy says. One witness's own blindness is
 * therefore no loss. Never fails back (A8), and does nothing while a run is open or automation is halted.
 * Ends when the signal is aborted.
 */
export async function keepStanding(options: {
  session: Session;
  signal: AbortSignal;
  /** Dice of the forecast that each run is scored by. */
  random: Random;
  log: (event: StandingEvent) => void;
}): Promise<void> {
  const { session, signal, random, log } = options;
  const policy = session.loaded.service.approval.standing;
  if (policy === undefined) return;
  const { clock } = session;
  const standing = new Standing(session, policy, { random, log });
  while (!signal.aborted) {
    const begunMs = clock.monotonicMs();
    try {
      await standing.look(signal);
    } catch (error) {
      if (signal.aborted) return;
      standing.refused(error);
      await clock.sleep(pauseMs, signal).catch(() => {});
    }
    const restMs = policy.everyMs - (clock.monotonicMs() - begunMs);
    await clock.sleep(Math.max(1, restMs), signal).catch(() => {});
  }
}

type Policy = NonNullable<Session['loaded']['service']['approval']['standing']>;

class Standing {
  readonly #session: Session;
  readonly #policy: Policy;
  readonly #random: Random;
  readonly #log: (event: StandingEvent) => void;
  /** Since when every look has said that this region is lost; null: the last one has not. */
  #silent: { readonly region: string; readonly sinceMs: number } | null = null;
  /** What people were told of this silence last. */
  #told: string | null = null;
  #undone: { readonly pauseMs: number; readonly untilMs: number } | null = null;

  constructor(
    session: Session,
    policy: Policy,
    { random, log }: Pick<Parameters<typeof keepStanding>[0], 'random' | 'log'>,
  ) {
    this.#session = session;
    this.#policy = policy;
    this.#random = random;
    this.#log = log;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { parts, loaded, clock } = this.#session;
    // From before the question: an answer that comes later was true no earlier.
    const lookedMs = clock.monotonicMs();
    const state = await known(parts.store.service(loaded.service.name));
    if (state === null) return;
    const { active, epoch, openRun } = state;
    if (openRun !== null) {
      // Whoever carries it on decides; afterwards it is counted anew.
      this.#silent = null;
      return;
    }
    const seen = await this.#seen(active);
    this.#note(active, seen, lookedMs);
    if (seen === null || this.#silent === null) return;
    if (lookedMs - this.#silent.sinceMs < this.#policy.forMs) return;
    if (this.#undone !== null && lookedMs < this.#undone.untilMs) return;
    if ((await parts.store.halt()) !== null) return;
    await this.#failOver({ from: active, to: seen.standby, epoch }, signal);
  }

  /**
   * It could not be done, so people are needed: told once for each reason, while the policy goes on
   * trying. An error that is none of throwover's is a bug; it ends neither the watch nor `serve`.
   */
  refused(error: unknown): void {
    const { loaded, notifiers, clock } = this.#session;
    const known = isThrowoverError(error);
    const said = known ? `${error.code}: ${error.message}` : String(error);
    this.#log({ event: 'standing-refused', error: said });
    const reason = known ? error.code : said;
    if (this.#silent === null || this.#told === reason) return;
    this.#told = reason;
    const { region } = this.#silent;
    const { name } = loaded.service;
    notifiers.tell({
      kind: 'needs-approval',
      service: name,
      runId: null,
      subject: `Needs you: ${region} of ${name} is lost, and the standing policy may not fail over`,
      text: [
        said,
        ...(known ? [error.notLost, error.remedy] : []),
        'See `throwover plan failover`. The policy tries again every 5 s.',
      ].join('\n'),
      wallMs: clock.wallMs(),
    });
  }

  /** Who can take over from a region that is lost, and what says so; null: it is not lost, or nobody can. */
  async #seen(active: string): Promise<{ readonly standby: string; readonly why: string } | null> {
    const { parts, clock } = this.#session;
    // Once there is a doubt, in the same time: a login over a silent link takes as long as its patience.
    const doubted = this.#silent?.region === active;
    const looks = await Promise.all(
      parts.regions.map(async ({ name, database }) => {
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
    const session = this.#session;
    const { by, overrides } = this.#policy;
    const consent = { by: `standing policy of ${by}`, overrides };
    const planned = await planFor(session, {
      ...{ kind: 'failover' as const, direction, consent, signal },
      // Every look has waited as long for the region, in vain.
      lostPatienceMs: Math.min(this.#policy.everyMs, lostPatienceMs),
    });
    const { plan, digest, definition } = planned;
    const mandate = approve(plan, {
      digest,
      by: consent.by,
      // A policy names what it would accept; a plan takes only the names that it asks for.
      overrides: overrides.filter((name) => asksFor(plan, name)),
    });
    const { steps, claim } = definition;
    const expected = await expectations(session, 'failover');
    const what = { steps, claim, expected, plan, mandate, leaveSignal: signal };
    const { from } = direction;
    const before = forecastBefore(session, {
      ...{ kind: 'failover', from, approveMs: null, later: true },
      random: this.#random,
    });
    const told = (begun: string) => this.#log({ event: 'standing-failover', runId: begun, from });
    const { runId, status } = await unattended(session, what, told, before);
    this.#log({ event: 'standing-ended', runId, status });
    this.#silent = null;
    if (status !== 'undone') return;
    const { clock } = session;
    const pause = Math.min(
      this.#undone === null ? firstUndonePauseMs : this.#undone.pauseMs * 2,
      longestUndonePauseMs,
    );
    this.#undone = { pauseMs: pause, untilMs: clock.monotonicMs() + pause };
  }
}

/** Null: the store has not met the service, so nobody has said yet which region is active. */
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
 * What a standby's guard says that still has a receiver, which notices a silent primary late; null: it
 * reaches the primary, or nobody can say.
 */
async function unheard(standby: DatabaseSide): Promise<string | null> {
  try {
    const word = await standby.upstream?.();
    return word?.answers === false ? `gets no answer from its database (${word.said})` : null;
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return null;
  }
}

/** Null when nothing was answered in time, or that nothing answers. */
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
