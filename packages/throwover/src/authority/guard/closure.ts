import type { Closed } from '../messages.ts';
import type { DoorLook } from './ports.ts';

/**
 * Period over which restorations are counted, ms: longer than the shortest usual pause between two
 * runs of configuration management.
 */
export const restorationSpanMs = 600_000;

/**
 * This many restorations within that period mean that another program manages the file or the role,
 * and will eventually succeed in opening it.
 */
export const mostRestorations = 3;

/** The rules whose effect this guard has seen itself. */
export type SeenRules = Pick<DoorLook, 'rules' | 'loaded'>;

export type DoorVerdict =
  /** The server does what is written down. */
  | { readonly is: 'as-written' }
  /**
   * Nothing contradicts what is written down, but since the rules changed the guard has not seen
   * what the server has loaded.
   */
  | { readonly is: 'to-be-tried' }
  /** The server does not do what is written down. `why`: for people. */
  | { readonly is: 'broken'; readonly why: readonly string[] };

/**
 * Compares the state that is written down with the server. `seen`: the rules under which this
 * process last saw a login refused or admitted, as it is written down; `null`: it has seen none.
 *
 * Closed means three things: our closure is the first rule, no session is left, and the server has
 * loaded the rules. A server that has loaded its rules again may have read a file that was there
 * only for a moment, so the guard tries one login. If the database should be open, it tries one only
 * if the file has changed and the server has also loaded it again: loading a file that has not
 * changed and does not contain our closure cannot close anything.
 */
export function judgeDoor(facts: {
  readonly closed: Closed | null;
  readonly door: DoorLook;
  readonly seen: SeenRules | null;
}): DoorVerdict {
  const { closed, door, seen } = facts;
  const why = closed === null ? notOpen(door) : notClosed(door);
  if (why.length > 0) return { is: 'broken', why };
  if (seen === null) return { is: 'to-be-tried' };
  const otherRules = seen.rules !== door.rules;
  const otherLoad = seen.loaded !== door.loaded;
  const uncertain = closed === null ? otherRules && otherLoad : otherRules || otherLoad;
  return uncertain ? { is: 'to-be-tried' } : { is: 'as-written' };
}

function notClosed({ admitted, sessions, unreadable }: DoorLook): readonly string[] {
  return [
    ...(admitted.length === 0 ? [] : [`no closure stands before ${admitted.join(', ')}`]),
    ...(admitted.length > 0 && unreadable !== null
      ? [`the server cannot read its rules: ${unreadable}`]
      : []),
    ...(sessions === 0 ? [] : [`${sessions} sessions of the application are there`]),
  ];
}

function notOpen({ refused, unreadable }: DoorLook): readonly string[] {
  return [
    ...(refused.length === 0 ? [] : [`the guard's own closure refuses ${refused.join(', ')}`]),
    ...(refused.length > 0 && unreadable !== null
      ? [`the server cannot read its rules: ${unreadable}`]
      : []),
  ];
}
