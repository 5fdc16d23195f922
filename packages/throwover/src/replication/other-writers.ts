import type { DatabaseSide, OtherWriter } from '../authority/authority.ts';
import { assertNever } from '../kernel/kernel.ts';
import type { Guard, Refusal } from '../runbook/runbook.ts';
import { replicationErrors } from './errors.ts';
import { never } from './guards.ts';

/** Name of the override that a person types, and that the journal keeps. */
const override = 'other-writers';

/**
 * The guard that nothing goes on writing in the old region after the application's logins are
 * closed (A1): a scheduled job, a subscription, an extension's process, a role that the guard was
 * not told of. Their writes past the fence are not in the new region, and are discarded when the
 * old side is attached.
 */
export function nothingPassesTheFence({ from }: { from: DatabaseSide }): Guard {
  return {
    name: 'nothing-passes-the-fence',
    title: `nobody but the application's roles writes in ${from.region}`,
    check: async () => {
      const { writers, writersInAll, missingRoles } = await from.survey();
      const missing = missingRoles.length === 0 ? [] : [roleMissing(from.region, missingRoles)];
      if (writersInAll === 0) return missing;
      const names = writers.map(writerText);
      const more =
        writersInAll > writers.length ? ` and ${writersInAll - writers.length} more` : '';
      return [
        ...missing,
        {
          error: replicationErrors.make(
            'writers-pass-the-fence',
            `a fence of ${from.region} would not stop ${names.join('; ')}${more}`,
            { writers, writersInAll },
          ),
          override,
        },
      ];
    },
  };
}

/** Returns one of these writers as text for people. */
export function writerText({ kind, name, role }: OtherWriter): string {
  const as = role === null ? '' : ` (as ${role})`;
  switch (kind) {
    case 'prepared-transaction':
      return `prepared transaction ${name}${as}`;
    case 'subscription':
      return `subscription ${name}${as}`;
    case 'scheduled-job':
      return `${name}${as}`;
    case 'background-worker':
      return `background process "${name}"`;
    case 'login-role':
      return `role ${role}, which ${name}`;
    default:
      return assertNever(kind);
  }
}

function roleMissing(region: string, roles: readonly string[]): Refusal {
  return never(
    'application-role-missing',
    `${region}'s database has no role ${roles.join(', ')}, which its guard is told to close out`,
    { roles },
  );
}
