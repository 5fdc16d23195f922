import { isThrowoverError, type ThrowoverError } from '../../kernel/kernel.ts';
import { storeErrors } from '../errors.ts';

/** SQLite's primary result codes (sqlite.org/rescode.html); the low byte of an extended code. */
const codes = { busy: 5, locked: 6, corrupt: 11, full: 13, notADatabase: 26 } as const;

/**
 * Turns an error of SQLite into an error of the store.
 *
 * A full disk fails the write before anything is synced, and the whole transaction is rolled back:
 * the store continues when there is space. After any other failed write the state on disk is
 * unknown, so the store stops.
 */
export function storeFailure(
  error: unknown,
  path: string,
  doing: 'opening' | 'reading' | 'writing',
): ThrowoverError {
  if (isThrowoverError(error)) return error;
  const code = resultCode(error);
  if (code === null && doing !== 'opening') throw error;
  const message = `${path}: ${error instanceof Error ? error.message : String(error)}`;
  const evidence = { path, sqliteCode: code };
  switch (code) {
    case codes.full:
      return storeErrors.make('store-disk-full', message, evidence, error);
    case codes.corrupt:
    case codes.notADatabase:
      return storeErrors.make('journal-damaged', message, evidence, error);
    case codes.busy:
    case codes.locked:
      return storeErrors.make('store-in-use', message, evidence, error);
    default:
      return doing === 'opening'
        ? storeErrors.make('store-unusable', message, evidence, error)
        : storeErrors.make('store-stopped', message, evidence, error);
  }
}

/**
 * Returns SQLite's result code; `null` for other errors: a refusal of the file system while
 * opening, otherwise a bug.
 */
function resultCode(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}
