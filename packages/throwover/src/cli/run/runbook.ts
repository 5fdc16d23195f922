import { readFile } from 'node:fs/promises';
import { type HandKind, noSuchRegion } from '../../compose/compose.ts';
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
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { operated, type Session, serviceState } from '../session.ts';

export const runbookFormats = ['markdown', 'html'] as const;

/**
 * `throwover runbook`: prints the runbook: manual steps to follow when throwover is not available.
 */
export async function runbookCommand(
  { output, session }: CommandContext,
  options: {
    readonly kind: HandKind;
    readonly to: string | undefined;
    readonly format: (typeof runbookFormats)[number];
  },
): Promise<ExitCode> {
  const document = await currentDocument(session, options);
  const text = await printedText(session, document, options);
  output.result({ digest: documentDigest(document), document, text }, text);
  return exitCodes.ok;
}

/**
 * `throwover runbook --check FILE`: throws `runbook-drifted` when the printed runbook differs from
 * one printed now.
 */
export async function checkRunbook(
  { output, session }: CommandContext,
  { file }: { readonly file: string },
): Promise<ExitCode> {
  const { printed, drift } = await compared(session, file, await readText(file));
  const { kind, to, from, digest } = printed.header;
  if (drift.length > 0) {
    throw runbookErrors.make('runbook-drifted', `${file}: ${drift.join('; ')}`, { file, drift });
  }
  output.result({ digest, drift }, `${file} still holds: ${kind} from ${from} to ${to}.`);
  return exitCodes.ok;
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
export async function currentDocument(
  session: Session,
  { kind, to: asked }: { readonly kind: HandKind; readonly to: string | undefined },
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
  session: Session,
  document: HandDocument,
  { kind, format }: { readonly kind: HandKind; readonly format: 'markdown' | 'html' },
): Promise<string> {
  const expected = await expectations(operated(session), kind);
  const blocks = pageOf(document, { atWallMs: session.clock.wallMs(), expected });
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
