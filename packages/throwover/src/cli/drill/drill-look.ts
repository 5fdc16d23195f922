import type { Look } from '../../drills/drills.ts';
import { noAnswer, orNull, within } from '../../kernel/kernel.ts';
import type { Session } from '../session.ts';

/**
 * Period that one look at the doors covers, ms: a shorter one has too few requests, a longer one
 * reports late.
 */
const lookedAtMs = 10_000;

/** Below this number of requests in that period there is no figure. */
const leastRequests = 20;

/** Longest wait for the answer of one door or database, ms. */
const deadlineMs = 2_000;

/**
 * Returns the current health of the service: requests at all doors in the last 10 s, and how far
 * the standby is behind.
 */
export async function lookAt({ parts, clock }: Session): Promise<Look> {
  const untilWallMs = clock.wallMs();
  const span = { sinceWallMs: untilWallMs - lookedAtMs, untilWallMs, widthMs: lookedAtMs };
  const [doors, databases] = await Promise.all([
    Promise.all(parts.doorCounts.map((door) => soon(() => door.latency(span)))),
    Promise.all(parts.regions.map(({ database }) => soon(() => database.status()))),
  ]);
  const pieces = doors.flatMap((found) => found ?? []);
  const requests = pieces.reduce((sum, piece) => sum + piece.requests, 0);
  const failed = pieces.reduce((sum, piece) => sum + piece.failed, 0);
  const p99s = pieces.flatMap(({ p99Ms, requests: own }) =>
    p99Ms === null || own < leastRequests ? [] : [p99Ms],
  );
  const lags = databases.flatMap((status) =>
    status?.role === 'primary' ? [status.standby?.lagMs ?? null] : [],
  );
  return {
    errorRate: requests < leastRequests ? null : failed / requests,
    p99Ms: p99s.length === 0 ? null : Math.max(...p99s),
    lagMs: lags.length === 1 ? (lags[0] ?? null) : null,
  };

  /** Returns null when there is no answer, or none in time. */
  function soon<T>(ask: () => Promise<T>): Promise<T | null> {
    return orNull(async () => {
      const answer = await within(clock, deadlineMs, ask());
      return answer === noAnswer ? null : answer;
    });
  }
}
