import {
  type Audit,
  audit,
  auditJunit,
  auditSarif,
  auditText,
} from '../../improvement/improvement.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { version } from '../version.ts';
import { operatingFacts } from './operating-test.ts';

export const auditFormats = ['text', 'sarif', 'junit'] as const;
export type AuditFormat = (typeof auditFormats)[number];

/** `throwover audit`: runs the operating test. Exit code 1 when something fails it (a slide). */
export async function auditCommand(
  { output, session }: CommandContext,
  { format }: { format: AuditFormat },
): Promise<ExitCode> {
  const found = audit(await operatingFacts(session));
  output.result(found, textOf(found, format, session.loaded.path));
  return found.slides.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function textOf(found: Audit, format: AuditFormat, path: string): string {
  if (format === 'sarif') return JSON.stringify(auditSarif(found, path, version()), null, 2);
  return format === 'junit' ? auditJunit(found) : auditText(found);
}
