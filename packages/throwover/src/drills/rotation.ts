/** Who drives next. Fair, and the same for the same past. Pure. */

import { type Blocked, overlaps, type Span } from './dates.ts';

export interface Rota {
  /** In the order of the file, or of the calendar: who has never driven comes in this order. */
  readonly people: readonly string[];
  /** They watch; they never drive. */
  readonly experts: readonly string[];
  readonly leave: readonly Leave[];
}

export interface Leave extends Span {
  readonly who: string;
}

/** A drill that somebody drove, or will. */
export interface Turn {
  readonly driver: string;
  readonly atWallMs: number;
}

export interface Pair {
  readonly driver: string | null;
  /** Watches, takes over when the driver hands over, and as a rule drives the next one. */
  readonly shadow: string | null;
  /** Whose turn it was before, and why it is not: on leave, or drove the last one. */
  readonly passedOver: readonly { readonly who: string; readonly why: string }[];
}

/**
 * Longest ago first, never twice running (unless nobody else drives at all), nobody on leave, no expert.
 * Somebody who was passed over stays first in line, so nobody's turn is lost.
 */
export function pairFor(rota: Rota, turns: readonly Turn[], window: Span): Pair {
  const drivers = driversOf(rota);
  const last = lastTurn(turns);
  const line = [...drivers].sort((a, b) => lastDrove(turns, a) - lastDrove(turns, b));
  const away = (who: string) =>
    rota.leave.some((leave) => leave.who === who && overlaps(leave, window));
  const able = line.filter((who) => !away(who));
  const driver =
    able.find((who) => who !== last?.driver) ?? (drivers.length === 1 ? able[0] : null);
  const passedOver = line.slice(0, driver == null ? line.length : line.indexOf(driver));
  return {
    driver: driver ?? null,
    shadow: able.find((who) => who !== driver) ?? null,
    passedOver: passedOver.map((who) => ({
      who,
      why: away(who) ? 'on leave' : 'drove the last one',
    })),
  };
}

export function driversOf({ people, experts }: Rota): readonly string[] {
  return people.filter((who) => !experts.includes(who));
}

/** When a person last drove, wall ms; never: before everybody. */
export function lastDrove(turns: readonly Turn[], who: string): number {
  const own = turns.filter(({ driver }) => driver === who).map(({ atWallMs }) => atWallMs);
  return Math.max(Number.NEGATIVE_INFINITY, ...own);
}

function lastTurn(turns: readonly Turn[]): Turn | null {
  return turns.reduce<Turn | null>(
    (last, turn) => (last === null || turn.atWallMs >= last.atWallMs ? turn : last),
    null,
  );
}

/** Why each blocked span that a window meets blocks it. */
export function whyBlocked(blocked: readonly Blocked[], window: Span): readonly string[] {
  return [...new Set(blocked.filter((span) => overlaps(span, window)).map(({ why }) => why))];
}
