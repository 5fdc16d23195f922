import { chmodSync, closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/**
 * Opens a database of SQLite that only the owner of its file may read: it holds journals, or bodies
 * of webhooks. SQLite gives its other files the mode of the first. A file that others may read,
 * from an older version, is closed to them; a group that was let in stays.
 *
 * Where the mode cannot be set, for example on a file of another user, it stays, and SQLite tells
 * what is wrong with a file that cannot be opened.
 */
export function openPrivately(path: string): DatabaseSync {
  quietly(() => closeSync(openSync(path, 'a', 0o600)));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    quietly(() => {
      const { mode } = statSync(file);
      if ((mode & 0o007) !== 0) chmodSync(file, mode & 0o770);
    });
  }
  return new DatabaseSync(path);
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {}
}
