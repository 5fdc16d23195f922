import {
  type AuditFacts,
  auditFacts,
  type PrintedState,
  printedStates,
} from '../../improvement/improvement.ts';
import { printedDrift } from '../run/runbook.ts';
import type { Session } from '../session.ts';

/** Returns the facts for audit and week, for this session's service. Throws `store-away`. */
export function operatingFacts(session: Session): Promise<AuditFacts> {
  const { loaded, parts, clock } = session;
  return auditFacts(loaded.service, { ...parts, ...comparing(session) }, clock);
}

/** Compares the service's printed runbooks with those that would be printed now. */
export function printedNow(session: Session): Promise<readonly PrintedState[]> {
  return printedStates(session.loaded.service, comparing(session));
}

const comparing = (session: Session) => ({
  printedDrift: (file: string) => printedDrift(session, file),
});
