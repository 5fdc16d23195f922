import { type DatabaseStatus, standingOf } from '../../authority/authority.ts';
import { formatMs } from '../../kernel/kernel.ts';

/**
 * Returns whether the server was seen to admit logins, and when; empty for a database that is not a
 * primary.
 */
export function doorText(status: DatabaseStatus): string {
  const { role, observed, reopened } = status;
  if (role !== 'primary' || observed === null) return '';
  const seen = `logins seen ${observed.door === 'neither' ? 'half closed' : observed.door} ${formatMs(observed.ageMs)} ago`;
  return reopened === null
    ? seen
    : `${seen}, REOPENED by somebody ${reopened.times} times since it was closed: what was written there is listed in the ledger when it is attached`;
}

/**
 * Returns the faults of a server that does not do what its guard has recorded; each with its
 * remedy.
 */
export function doorFaults(status: DatabaseStatus): readonly string[] {
  const { region, role, observed, closed } = status;
  if (role !== 'primary') return [];
  const standing = standingOf(status);
  const log = `the log of ${region}'s \`throwover guard\``;
  switch (standing.is) {
    case 'reopened':
      return [
        `CLOSURE DOES NOT HOLD: ${standing.why}; find who writes pg_hba.conf or changes the roles there, and stop that; the guard closes it again in each round`,
      ];
    case 'refusing':
      return [
        `TAKES NO WRITES: ${standing.why}; its guard opens it again in each round when it can, else see ${log}`,
      ];
    case 'unseen':
      return [`whether the application can write there is not known: ${standing.why}; see ${log}`];
    case 'open':
    case 'closed': {
      const times = observed?.restored ?? 0;
      if (times === 0) return [];
      const what = closed === null ? 'closed' : 'opened';
      return [
        `somebody else ${what} it, and its guard put that right ${times} times in the last 10 minutes; find who writes pg_hba.conf or changes the roles there, and stop that`,
      ];
    }
  }
}
