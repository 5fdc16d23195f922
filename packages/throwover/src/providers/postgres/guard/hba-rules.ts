import { linesOf } from './host-based-access.ts';

/** One rule of pg_hba.conf or of a file that it includes, as PostgreSQL reads it. */
export interface Rule {
  /** PostgreSQL 16 and later. */
  readonly file: string | null;
  readonly line: number;
  readonly type: string | null;
  readonly databases: readonly string[] | null;
  readonly users: readonly string[] | null;
  readonly address: string | null;
  readonly method: string | null;
  readonly error: string | null;
}

/**
 * Returns the roles for which our own rules come before all others, so that logins over the socket
 * and over the network are refused.
 */
export function standsFirstFor(
  roles: readonly string[],
  rules: readonly Rule[],
): ReadonlySet<string> {
  const first = rules.slice(0, linesOf(roles));
  // If another rule is between ours, it may be the one that matches.
  if (!first.every((rule) => roles.some((role) => rejects(rule, role)))) return new Set();
  return new Set(
    roles.filter((role) =>
      ['local', 'host'].every((type) =>
        first.some((rule) => rule.type === type && rejects(rule, role)),
      ),
    ),
  );
}

/**
 * Returns the roles that a rule of our shape refuses, at any place: it refuses the role if no
 * earlier rule matches.
 */
export function ruledOut(roles: readonly string[], rules: readonly Rule[]): readonly string[] {
  return roles.filter((role) => rules.some((rule) => rejects(rule, role)));
}

function rejects({ type, databases, users, address, method }: Rule, role: string): boolean {
  const everywhere = type === 'local' || (type === 'host' && address === 'all');
  return (
    method === 'reject' &&
    everywhere &&
    databases?.length === 1 &&
    databases[0] === 'all' &&
    users?.length === 1 &&
    users[0] === role
  );
}
