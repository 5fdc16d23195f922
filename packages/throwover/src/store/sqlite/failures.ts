import {
  isThrowoverError,
  sqliteCodeOf,
  sqliteCodes,
  type ThrowoverError,
} from '../../kernel/kernel.ts';
import { storeErrors } from '../errors.ts';

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
  const code = sqliteCodeOf(error);
  if (code === null && doing !== 'opening') throw error;
  const message = `${path}: ${error instanceof Error ? error.message : String(error)}`;
  const evidence = { path, sqliteCode: code };
  switch (code) {
    case sqliteCodes.full:
      return storeErrors.make('store-disk-full', message, evidence, error);
    case sqliteCodes.corrupt:
    case sqliteCodes.notADatabase:
      return storeErrors.make('store-damaged', message, evidence, error);
    case sqliteCodes.busy:
    case sqliteCodes.locked:
      return storeErrors.make('store-in-use', message, evidence, error);
    default:
      return doing === 'opening'
        ? storeErrors.make('store-unusable', message, evidence, error)
        : storeErrors.make('store-stopped', message, evidence, error);
  }
}
