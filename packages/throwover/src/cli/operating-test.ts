import type { AuditFacts } from '../evidence/audit.ts';
import { auditFacts } from '../evidence/facts.ts';
import { printedDrift } from './runbook.ts';
import type { Session } from './session.ts';

/** What audit and week are made of, of this session's service. Throws `store-away`. */
export function operatingFacts(session: Session): Promise<AuditFacts> {
  const { loaded, parts, clock } = session;
  const ports = { ...parts, printedDrift: (file: string) => printedDrift(session, file) };
  return auditFacts(loaded.service, ports, clock);
}
