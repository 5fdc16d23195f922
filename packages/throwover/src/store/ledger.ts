import { storeErrors } from './errors.ts';
import { maxLedgerBytes, maxLossBytes, maxLossChunkBytes, maxLossesPerCall } from './limits.ts';
import { noSuchRun } from './rules.ts';
import type { Loss } from './shapes.ts';

/**
 * The ledger of lost writes, pure. An entry is identified by its id, so that adding it twice is the
 * same as adding it once. It is unresolved when it is added, and only a person resolves it.
 */

/** An entry as it is stored: its place in commit order, and its text without the resolution. */
export interface LossEntry {
  readonly loss: Loss;
  /**
   * Its number in the transaction, from the id. It is kept as a number, because ids sort as text
   * only when they are padded.
   */
  readonly number: number;
  readonly text: string;
  readonly bytes: number;
}

export function lossEntry(loss: Loss): LossEntry {
  const number = /#(\d{1,15})$/.exec(loss.id)?.[1];
  if (number === undefined) {
    throw storeErrors.make(
      'bad-request',
      `${loss.id} is no id of a lost write: <timeline>/<commit position>#<number>`,
      { id: loss.id },
    );
  }
  const unresolved = { ...loss, resolution: null };
  const text = JSON.stringify(unresolved);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxLossBytes) {
    throw storeErrors.make(
      'record-too-large',
      `the lost write ${loss.id} has ${bytes} bytes; at most ${maxLossBytes}`,
      { id: loss.id, bytes, maxBytes: maxLossBytes },
    );
  }
  return { loss: unresolved, number: Number(number), text, bytes };
}

/** Compares by commit order; negative when `a` comes first. */
export function byCommit(a: LossEntry, b: LossEntry): number {
  return (
    compare(a.loss.commitPosition, b.loss.commitPosition) ||
    a.number - b.number ||
    compare(a.loss.id, b.loss.id)
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Returns the entries of one call. Each must be within its limit, and together they must fit into
 * one request.
 */
export function admitChunk(losses: readonly Loss[]): readonly LossEntry[] {
  const entries = losses.map(lossEntry);
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  if (entries.length <= maxLossesPerCall && bytes <= maxLossChunkBytes) return entries;
  throw storeErrors.make(
    'record-too-large',
    `${entries.length} lost writes of ${bytes} bytes in one call; at most ${maxLossesPerCall} of ${maxLossChunkBytes}`,
    { entries: entries.length, bytes },
  );
}

/** Each entry names the run that lost it, which may be another run than the one that adds it. */
export function mustBeOfService(
  losses: readonly Loss[],
  service: string,
  runOf: (runId: string) => { readonly service: string },
): void {
  for (const runId of new Set(losses.map((loss) => loss.runId))) {
    if (runOf(runId).service !== service) throw noSuchRun(runId);
  }
}

export function mustFitLedger(service: string, bytes: number): void {
  if (bytes <= maxLedgerBytes) return;
  throw storeErrors.make(
    'ledger-full',
    `the ledger of lost writes of ${service} would have ${bytes} bytes; at most ${maxLedgerBytes}`,
    { service, bytes, maxBytes: maxLedgerBytes },
  );
}

/** Yields the first losses, as many as fit into one answer, at least one. */
export function* firstLosses(
  entries: Iterable<{ readonly loss: Loss; readonly bytes: number }>,
  limit: number,
): Generator<Loss> {
  let count = 0;
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.bytes;
    if (count === limit || (count > 0 && bytes > maxLossChunkBytes)) return;
    count += 1;
    yield entry.loss;
  }
}

export function noSuchLoss(service: string, id: string) {
  return storeErrors.make(
    'no-such-loss',
    `the ledger of lost writes of ${service} has no entry ${id}`,
    { service, id },
  );
}
