import { z } from 'zod';
import { runbookErrors } from '../errors.ts';
import { documentDigest, type HandDocument, sha256, stepDigest } from './document.ts';

/**
 * A printed runbook identifies itself in comments that are valid in Markdown and HTML. The first
 * line names the document and has the digest of its text; before each step is that step's digest.
 * So the file alone tells whether it is out of date or was changed by hand.
 */
const headerSchema = z.strictObject({
  service: z.string(),
  kind: z.string(),
  from: z.string(),
  to: z.string(),
  epoch: z.int(),
  digest: z.string(),
  /** sha256 of the text after the first line. */
  text: z.string(),
});
export type PrintedHeader = z.infer<typeof headerSchema>;

const opening = '<!-- throwover runbook ';
const closing = ' -->';

export function markOf(step: string, digest: string): string {
  return `<!-- throwover step ${step} ${digest} -->`;
}

/** Returns the file: its first line, and the text. */
export function withHeader(document: HandDocument, text: string): string {
  const { service, kind, from, to, epoch } = document;
  const header: PrintedHeader = {
    ...{ service, kind, from, to, epoch },
    digest: documentDigest(document),
    text: sha256(text),
  };
  return `${opening}${JSON.stringify(header)}${closing}\n${text}`;
}

export interface Printed {
  readonly header: PrintedHeader;
  /** Digest of each step, in order. */
  readonly steps: ReadonlyMap<string, string>;
  /** The text has not been changed since it was printed. */
  readonly intact: boolean;
}

/**
 * Returns the header and digests of a printed runbook. Throws `runbook-not-printed` for any other
 * file.
 */
export function readPrinted(file: string, content: string): Printed {
  const end = content.indexOf('\n');
  const first = content.slice(0, end);
  const text = content.slice(end + 1);
  const json =
    first.startsWith(opening) && first.endsWith(closing)
      ? parsed(first.slice(opening.length, -closing.length))
      : null;
  const header = headerSchema.safeParse(json);
  if (!header.success) {
    throw runbookErrors.make('runbook-not-printed', `${file} does not begin as a printed runbook`, {
      file,
    });
  }
  const marks = text.matchAll(/<!-- throwover step (\S+) ([0-9a-f]+) -->/g);
  return {
    header: header.data,
    steps: new Map([...marks].map(([, step = '', digest = '']) => [step, digest])),
    intact: sha256(text) === header.data.text,
  };
}

/**
 * Returns the differences from the present document, one sentence each; empty if the printed
 * runbook is up to date.
 */
export function driftOf(printed: Printed, now: HandDocument): readonly string[] {
  const { header, steps, intact } = printed;
  const said: string[] = [];
  if (!intact) said.push('the text of the file was changed after it was printed');
  if (header.digest === documentDigest(now)) return said;
  for (const name of ['service', 'kind', 'from', 'to', 'epoch'] as const) {
    if (header[name] !== now[name]) said.push(`${name}: ${header[name]} printed, ${now[name]} now`);
  }
  const current = new Map(now.steps.map((step) => [step.name, stepDigest(step)]));
  for (const name of steps.keys()) if (!current.has(name)) said.push(`${name}: gone`);
  for (const [name, digest] of current) {
    const before = steps.get(name);
    if (before === undefined) said.push(`${name}: new`);
    else if (before !== digest) said.push(`${name}: done in another way now`);
  }
  const kept = [...steps.keys()].filter((name) => current.has(name));
  if (kept.join() !== [...current.keys()].filter((name) => steps.has(name)).join()) {
    said.push('the steps stand in another order');
  }
  if (said.length === 0) said.push('what stands before or after the steps is different');
  return said;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
