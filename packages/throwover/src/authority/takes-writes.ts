/**
 * An older observation does not tell the present state, ms: several rounds of a guard, and one that
 * waits for a command.
 */
export const staleMs = 15_000;

/** How the database treats the application, as its guard saw it on the server. */
export type Standing =
  | { readonly is: 'open' }
  | { readonly is: 'closed' }
  /** It should be closed, and lets the application in. */
  | { readonly is: 'reopened'; readonly why: string }
  /** It should be open, and refuses the application. */
  | { readonly is: 'refusing'; readonly why: string }
  /** The guard has not looked lately. */
  | { readonly is: 'unseen'; readonly why: string };

export function standingOf({
  closed,
  observed,
}: Pick<DatabaseStatus, 'closed' | 'observed'>): Standing {
  if (observed === null) {
    return { is: 'unseen', why: 'its guard has not seen yet how the server treats logins' };
  }
  const { door, why, ageMs } = observed;
  if (ageMs > staleMs) {
    return { is: 'unseen', why: `its guard last saw it ${Math.round(ageMs / 1_000)} s ago` };
  }
  const said = why.join('; ') || `the server was seen ${door}`;
  if (closed === null) return door === 'open' ? { is: 'open' } : { is: 'refusing', why: said };
  return door === 'closed' ? { is: 'closed' } : { is: 'reopened', why: said };
}

/**
 * The reason why this database takes no writes of the application; `null` if it takes them, as far
 * as its guard has seen.
 */
export function noWritesBecause(status: DatabaseStatus): string | null {
  const { role, closed, leaseLeftMs } = status;
  if (role !== 'primary') return `it is ${role}`;
  if (closed !== null) return `it is closed by ${closed.by}`;
  const standing = standingOf(status);
  if (standing.is !== 'open') return 'why' in standing ? standing.why : `it is ${standing.is}`;
  return leaseLeftMs === 0 ? 'it holds no lease' : null;
}

import type { DatabaseStatus } from './messages.ts';
