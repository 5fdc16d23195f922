import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { type HandKind, handKinds, noSuchRegion } from '../../compose/compose.ts';
import { expectations } from '../../operations/operations.ts';
import {
  documentDigest,
  driftOf,
  type HandDocument,
  markdownOf,
  pageOf,
  readPrinted,
  runbookErrors,
  stepDigest,
  withHeader,
} from '../../runbook/runbook.ts';
import { answer } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { toRegion } from '../options.ts';
import { operated, type Session, serviceState } from '../session.ts';

const formats = ['markdown', 'html'] as const;

interface Given {
  readonly kind: HandKind;
  readonly to?: string;
  readonly format: (typeof formats)[number];
  readonly check?: string;
}

/**
 * Prints the runbook: manual steps to follow when throwover is not available. With `check` it
 * compares a printed one with that of now. Error: `runbook-drifted`.
 */
export const runbook = answer({
  name: 'runbook',
  says: 'Print the runbook: manual steps to follow when throwover is not available',
  takes: () => [
    new Option('--kind <kind>', 'Kind of run').choices(handKinds).default('switchover'),
    toRegion('Region that becomes active (default: the other region)'),
    new Option('--format <format>', 'Output format').choices(formats).default('markdown'),
    new Option(
      '--check <file>',
      'Compare a printed runbook with a new one; exit code 1 if they differ',
    ),
  ],
  look: async (session, given: Given) => {
    if (given.check !== undefined) return stillHolds(session, given.check);
    const document = await currentDocument(session, given);
    const expected = await expectations(operated(session), given.kind);
    return { digest: documentDigest(document), document, expected };
  },
  text: async (found, { given, nowWallMs }) =>
    'document' in found
      ? printedText(found, given, nowWallMs)
      : `${given.check} still holds: ${found.way}.`,
  json: (found, text) =>
    'document' in found
      ? { digest: found.digest, document: found.document, text }
      : { digest: found.digest, drift: [] },
});

async function stillHolds(session: Session, file: string) {
  const { printed, drift } = await compared(session, file, await readText(file));
  const { kind, to, from, digest } = printed.header;
  if (drift.length > 0) {
    throw runbookErrors.make('runbook-drifted', `${file}: ${drift.join('; ')}`, { file, drift });
  }
  return { digest, way: `${kind} from ${from} to ${to}` };
}

/**
 * Returns how a printed runbook of the service differs from one printed now, one sentence for each
 * difference.
 */
export async function printedDrift(session: Session, file: string): Promise<readonly string[]> {
  const text = await session.parts.drills.printed(file);
  return (await compared(session, file, text)).drift;
}

async function compared(session: Session, file: string, text: string) {
  const printed = readPrinted(file, text);
  const { kind, to } = printed.header;
  const { active } = await serviceState(session);
  const drift =
    active === to
      ? [`${to} is active now: this is the way that was gone already`]
      : driftOf(printed, await currentDocument(session, { kind: kindOf(kind, file), to }));
  return { printed, drift };
}

/** Returns the document as it would be printed now. */
async function currentDocument(
  session: Session,
  { kind, to: asked }: Pick<Given, 'kind' | 'to'>,
): Promise<HandDocument> {
  const { service } = session.loaded;
  const { active: from, epoch } = await serviceState(session);
  const others = Object.keys(service.regions).filter((region) => region !== from);
  const to = asked ?? (others.length === 1 ? others[0] : undefined);
  if (to === undefined) {
    throw cliErrors.make('usage-wrong', `runbook needs --to REGION: one of ${others.join(', ')}`);
  }
  if (!others.includes(to)) throw noSuchRegion(service, to);
  return session.byHand(kind, { from, to, epoch });
}

async function printedText(
  {
    document,
    expected,
  }: Pick<Parameters<typeof pageOf>[1], 'expected'> & {
    readonly document: HandDocument;
  },
  { format }: Pick<Given, 'format'>,
  atWallMs: number,
): Promise<string> {
  const blocks = pageOf(document, { atWallMs, expected });
  const digests = new Map(document.steps.map((step) => [step.name, stepDigest(step)]));
  const digestOf = (step: string) => digests.get(step) ?? '';
  if (format === 'markdown') return withHeader(document, markdownOf(blocks, digestOf));
  const { htmlOf } = await import('../../runbook/by-hand/html.ts');
  const title = `By hand: ${document.kind} of ${document.service}`;
  return withHeader(document, await htmlOf(title, blocks, digestOf));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw runbookErrors.make('runbook-not-printed', `cannot read ${file}`, { file }, error);
  }
}

function kindOf(kind: string, file: string): HandKind {
  if (kind === 'switchover' || kind === 'failover') return kind;
  throw runbookErrors.make('runbook-not-printed', `${file} is of a ${kind}`, { file, kind });
}
