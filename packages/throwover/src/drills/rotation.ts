/** Chooses who drives next. Fair, and the same for the same history. Pure. */

import { type Blocked, overlaps, type Span } from './dates.ts';

export interface Rota {
  /**
   * In the order of the file or the calendar; people who have never driven are chosen in this
   * order.
   */
  readonly people: readonly string[];
  /** Experts watch; they never drive. */
  readonly experts: readonly string[];
  readonly leave: readonly Leave[];
}

export interface Leave extends Span {
  readonly who: string;
}

/** A drill that a person has driven or will drive. */
export interface Turn {
  readonly driver: string;
  readonly atWallMs: number;
}

export interface Pair {
  readonly driver: string | null;
  /** Watches, takes over when the driver hands over, and normally drives the next drill. */
  readonly shadow: string | null;
  /**
   * People whose turn came before, and why they were passed over: on leave, or drove the last one.
   */
  readonly passedOver: readonly { readonly who: string; readonly why: string }[];
}

/**
 * Returns driver and shadow. The person whose last drill is oldest drives next. Nobody drives twice
 * in a row (unless only one person drives at all), and people on leave and experts never drive. A
 * person who was passed over stays first in line, so nobody loses a turn.
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

/** Returns when a person last drove, wall ms; a person who never drove sorts first. */
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

/** Returns the reasons of the blocked spans that overlap a window. */
export function whyBlocked(blocked: readonly Blocked[], window: Span): readonly string[] {
  return [...new Set(blocked.filter((span) => overlaps(span, window)).map(({ why }) => why))];
}
