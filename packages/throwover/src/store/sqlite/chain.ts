import { hash } from 'node:crypto';
import { storeErrors } from '../errors.ts';
import type { JournalRecord } from '../shapes.ts';
import { recordSchema } from '../shapes.ts';

/** One stored line of a journal. */
export interface ChainedRow {
  readonly seq: number;
  readonly body: string;
  readonly hash: string;
}

/**
 * The start of a run's hash chain: its id and its plan, so that neither can be exchanged without
 * notice.
 */
export function rootHash(runId: string, plan: string): string {
  return sha256(`${runId}\n${plan}`);
}

/** Returns the hash of the next line, from the hash before it and its body, as hexadecimal SHA-256. */
export function nextHash(previous: string, body: string): string {
  return sha256(`${previous}\n${body}`);
}

/** Returns the records, or throws `journal-damaged` when one is missing, changed or cut off. */
export function verifiedRecords(
  run: { runId: string; plan: string; lastSeq: number; lastHash: string },
  rows: readonly ChainedRow[],
): readonly JournalRecord[] {
  const damaged = (what: string) =>
    storeErrors.make('journal-damaged', `run ${run.runId}: ${what}`, { runId: run.runId });
  let hash = rootHash(run.runId, run.plan);
  const records: JournalRecord[] = [];
  for (const [index, row] of rows.entries()) {
    if (row.seq !== index + 1) throw damaged(`record ${index + 1} is missing`);
    hash = nextHash(hash, row.body);
    if (hash !== row.hash) {
      throw damaged(`record ${row.seq}, or the plan, is not what was written`);
    }
    const record = recordSchema.safeParse(parsed(row.body));
    if (!record.success) throw damaged(`record ${row.seq} is no journal record`);
    records.push(record.data);
  }
  if (records.length !== run.lastSeq) throw damaged(`record ${records.length + 1} is missing`);
  if (hash !== run.lastHash) throw damaged('the end of its journal is not what was written');
  return records;
}

/** Returns the value of a JSON text; `undefined` when it is none. */
export function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function sha256(text: string): string {
  return hash('sha256', text);
}
