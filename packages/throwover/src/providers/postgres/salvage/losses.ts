import { bytesOf, type Position, positionOf, timelineOf } from '@throwover/client';
import { wallMsOfIso } from '../../../kernel/kernel.ts';
import type { Loss } from '../../../store/store.ts';
import { lsnNumber } from './slot.ts';
import { type Columns, type Decoded, parseDecoded } from './test-decoding.ts';

/** One line of pg_logical_slot_peek_changes. */
export interface DecodedLine {
  readonly lsn: string;
  readonly data: string;
}

/**
 * Columns that identify a row, by table as PostgreSQL quotes it; a table that is missing here has
 * none.
 */
export type Identities = ReadonlyMap<string, readonly string[]>;

/** Prefix of throwover's own messages in the log: a fence writes one, which is no loss. */
const ownPrefix = 'throwover';

/**
 * Schema of throwover's own tables: a row that a promotion writes there is no write of the
 * application.
 */
const ownSchema = 'throwover.';

/**
 * Yields the rows of every transaction that committed beyond the switch position: the old side has
 * them and the new one does not.
 *
 * A commit's line contains the position at which its record ends. A transaction came over if that
 * position is at or before the switch position; the positions of its changes do not matter.
 */
export function* lossesIn(
  lines: Iterable<DecodedLine>,
  options: {
    readonly runId: string;
    readonly switchPosition: Position;
    readonly identities: Identities;
  },
): Generator<Loss> {
  const { switchPosition } = options;
  let changes: Decoded[] = [];
  for (const { lsn, data } of lines) {
    const decoded = parseDecoded(data);
    if (decoded.kind === 'begin') changes = [];
    else if (decoded.kind !== 'commit') changes.push(decoded);
    else if (lsnNumber(lsn) > bytesOf(switchPosition)) {
      const position = positionOf(timelineOf(switchPosition), lsn);
      yield* lossesOf(changes, { ...options, position, xid: decoded.xid, atText: decoded.atText });
    }
  }
}

interface Commit {
  readonly runId: string;
  readonly identities: Identities;
  readonly position: Position;
  readonly xid: string;
  readonly atText: string | null;
}

function* lossesOf(changes: readonly Decoded[], commit: Commit): Generator<Loss> {
  let number = 0;
  for (const change of changes) {
    for (const part of partsOf(change, commit.identities)) {
      number += 1;
      yield {
        id: `${commit.position}#${String(number).padStart(6, '0')}`,
        runId: commit.runId,
        transaction: commit.xid,
        commitPosition: commit.position,
        commitWallMs: wallMsOf(commit.atText),
        // The log tells that a transaction was committed, but not whether the application was told:
        // the server may have died in between.
        acknowledged: 'unknown',
        resolution: null,
        ...part,
      };
    }
  }
}

type Part = Pick<Loss, 'table' | 'operation' | 'key' | 'before' | 'after'>;

function partsOf(change: Decoded, identities: Identities): readonly Part[] {
  const empty = { key: null, before: null, after: null };
  switch (change.kind) {
    case 'change': {
      if (change.table.startsWith(ownSchema)) return [];
      const { table, operation, before, after } = change;
      const key = keyOf(identities.get(table), before ?? after);
      return [{ table, operation, key, before, after }];
    }
    case 'truncate':
      return change.tables.map((table) => ({ table, operation: 'truncate', ...empty }));
    case 'message':
      if (change.prefix === ownPrefix) return [];
      return [
        {
          table: '',
          operation: 'message',
          ...empty,
          after: { prefix: change.prefix, content: change.content },
        },
      ];
    default:
      return [];
  }
}

function keyOf(identity: readonly string[] | undefined, row: Columns | null): Columns | null {
  if (identity === undefined || identity.length === 0 || row === null) return null;
  return Object.fromEntries(identity.map((column) => [column, row[column] ?? null]));
}

/** Reads `2026-11-23 05:00:00.123456+00`, as PostgreSQL prints a time in its ISO style. */
function wallMsOf(atText: string | null): number | null {
  if (atText === null) return null;
  const iso = atText.replace(' ', 'T').replace(/([+-]\d{2})$/, '$1:00');
  return wallMsOfIso(iso);
}
