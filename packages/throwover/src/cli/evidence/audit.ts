import { Option } from 'commander';
import {
  type Audit,
  audit,
  auditJson,
  auditJunit,
  auditSarif,
  auditText,
} from '../../improvement/improvement.ts';
import { answer } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { version } from '../version.ts';
import { operatingFacts } from './operating-test.ts';

const formats = ['text', 'sarif', 'junit'] as const;
type Format = (typeof formats)[number];

/** Runs the operating test. Exit code 1 when something fails it (a slide). */
export const auditCommand = answer({
  name: 'audit',
  says: 'Check that each improvement has a panel, a runbook step and an owner; exit code 1 if any is missing',
  takes: () => [new Option('--format <format>', 'Output format').choices(formats).default('text')],
  look: async (session, _given: { format: Format }) => ({
    path: session.loaded.path,
    found: audit(await operatingFacts(session)),
  }),
  text: ({ path, found }, { given }) => textOf(found, given.format, path),
  json: ({ found }) => auditJson(found),
  exit: ({ found }) => (found.slides.length === 0 ? exitCodes.ok : exitCodes.failed),
});

function textOf(found: Audit, format: Format, path: string): string {
  if (format === 'sarif') return JSON.stringify(auditSarif(found, path, version()), null, 2);
  return format === 'junit' ? auditJunit(found) : auditText(found);
}
