import { type Clock, machineClock, within } from '../clock.ts';
import { NotYet, Undecided, WriteLost } from '../errors.ts';
import type { Queryable } from '../sql.ts';
import { saysAway } from '../sqlstate.ts';
import { decide, type Reason, verdicts } from './decide.ts';
import type { Token, TokenRefusal } from './token.ts';
import { readView } from './view.ts';

/** Pause before the second look, ms, and the longest one: a standby in the same region is 1-5 ms behind. */
const firstPauseMs = 2;
const longestPauseMs = 25;
const pauseGrowth = 1.5;

/** Why a wait ended without a verdict: the database did not answer, or the token was refused. */
export type NoAnswer = 'no-answer' | TokenRefusal;

interface Ended<C> {
  /**
   * The client that gave the answer, and the one to read from: the given client, or the route's.
   */
  readonly client: C;
  /** Whether `client` is the route's; its owner releases it. */
  readonly routed: boolean;
  /**
   * The given client's reason, also where the route's client decided. After `no-answer` the given
   * client is not usable.
   */
  readonly given: Reason | NoAnswer | 'no-token';
  readonly waitedMs: number;
}

/** How a wait ended. Every outcome but `satisfied` carries an error that the caller can throw. */
export type Waited<C> = Ended<C> &
  (
    | { readonly outcome: 'satisfied'; readonly reason: Reason | 'no-token' }
    | { readonly outcome: 'lost'; readonly reason: Reason; readonly error: WriteLost }
    | { readonly outcome: 'not-yet'; readonly reason: Reason; readonly error: NotYet }
    | { readonly outcome: 'unknown'; readonly reason: Reason | NoAnswer; readonly error: Undecided }
  );

export interface WaitOptions<C> {
  /**
   * Longest wait on the given client, ms; default 250. The route's client gets the same time again.
   */
  readonly deadlineMs?: number;
  /**
   * Returns a client of the writer; called when this database has no verdict in time or cannot
   * decide.
   */
  readonly route?: () => Promise<C>;
  readonly clock?: Clock;
}

/** Longer than nearly all replication lag inside a continent, shorter than what a user notices. */
export const defaultDeadlineMs = 250;

/**
 * Waits until the write of `token` can be read over `client`; otherwise says why it cannot.
 *
 * Call it outside of a transaction, or first in a READ COMMITTED one. Errors of the SQL itself are
 * thrown. A database that does not answer, or goes away, is `unknown`, and its client is not
 * usable.
 */
export async function waitFor<C extends Queryable>(
  client: C,
  token: Token,
  options: WaitOptions<C> = {},
): Promise<Waited<C>> {
  const { clock = machineClock, deadlineMs = defaultDeadlineMs, route } = options;
  const started = clock.monotonicMs();
  const here = await waitOn(client, token, { clock, deadlineMs });
  const end = (client: C, routed: boolean, answer: Answer) =>
    ended(token, answer, {
      client,
      routed,
      given: here.reason,
      waitedMs: clock.monotonicMs() - started,
    });
  if (route === undefined || verdictOf(here) === 'satisfied' || verdictOf(here) === 'lost') {
    return end(client, false, here);
  }
  const writer = await route();
  return end(writer, true, await waitOn(writer, token, { clock, deadlineMs }));
}

/**
 * Returns the client to read from; throws `WriteLost`, `NotYet` or `Undecided` when there is none.
 */
export function readableFrom<C>(waited: Waited<C>): C {
  if (waited.outcome === 'satisfied') return waited.client;
  throw waited.error;
}

interface Answer {
  readonly reason: Reason | 'no-answer';
  readonly cause?: unknown;
}

async function waitOn(
  client: Queryable,
  token: Token,
  { clock, deadlineMs }: { clock: Clock; deadlineMs: number },
): Promise<Answer> {
  const deadline = clock.monotonicMs() + deadlineMs;
  let answer: Answer = { reason: 'no-answer' };
  let pauseMs = firstPauseMs;
  for (;;) {
    const look = lookAt(client, token);
    const newer = await within(clock, deadline - clock.monotonicMs(), look);
    // A look that the deadline cuts short does not replace the answer of the look before it.
    if (newer === 'late') return answer;
    answer = newer;
    const left = deadline - clock.monotonicMs();
    if (!mayChange(answer) || left <= 0) return answer;
    await clock.sleep(Math.min(pauseMs, left));
    pauseMs = Math.min(longestPauseMs, pauseMs * pauseGrowth);
  }
}

async function lookAt(client: Queryable, token: Token): Promise<Answer> {
  try {
    return { reason: decide(token, await readView(client, token.xid)) };
  } catch (cause) {
    if (!saysAway(cause)) throw cause;
    return { reason: 'no-answer', cause };
  }
}

/** A broken connection stays broken. */
function mayChange({ reason }: Answer): boolean {
  return reason !== 'no-answer' && ['wait', 'ask'].includes(verdicts[reason]);
}

function verdictOf({ reason }: Answer) {
  return reason === 'no-answer' ? 'unknown' : verdicts[reason];
}

function ended<C>(token: Token, answer: Answer, end: Ended<C>): Waited<C> {
  const { reason, cause } = answer;
  if (reason === 'no-answer') {
    return { ...end, outcome: 'unknown', reason, error: new Undecided(token, reason, cause) };
  }
  const verdict = verdicts[reason];
  switch (verdict) {
    case 'satisfied':
      return { ...end, outcome: 'satisfied', reason };
    case 'lost':
      return { ...end, outcome: 'lost', reason, error: new WriteLost(token, reason) };
    case 'wait':
      return {
        ...end,
        outcome: 'not-yet',
        reason,
        error: new NotYet(token, reason, end.waitedMs),
      };
    case 'ask':
    case 'unknown':
      return { ...end, outcome: 'unknown', reason, error: new Undecided(token, reason) };
  }
}
