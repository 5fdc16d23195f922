/** SQLite's primary result codes (sqlite.org/rescode.html); the low byte of an extended code. */
export const sqliteCodes = {
  busy: 5,
  locked: 6,
  corrupt: 11,
  full: 13,
  notADatabase: 26,
} as const;

/** Returns the primary result code of an error of SQLite; `null` for any other error. */
export function sqliteCodeOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null;
}
