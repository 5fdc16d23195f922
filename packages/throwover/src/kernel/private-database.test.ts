import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openPrivately } from './private-database.ts';

function directory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'throwover-private-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

const modesIn = (dir: string) =>
  Object.fromEntries(
    readdirSync(dir).map((name) => [name, (statSync(join(dir, name)).mode & 0o777).toString(8)]),
  );

test('a new database and the files beside it are for their owner alone, whatever the umask', () => {
  const dir = directory();
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  const db = openPrivately(join(dir, 'a.sqlite'));
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER) STRICT');
  expect(modesIn(dir)).toEqual({ 'a.sqlite': '600', 'a.sqlite-shm': '600', 'a.sqlite-wal': '600' });
  db.close();
});

test.each([
  [0o644, '640'],
  [0o666, '660'],
  [0o640, '640'],
  [0o600, '600'],
])(
  'one of an older version with mode %i is closed to others, and keeps its content',
  (mode, after) => {
    const dir = directory();
    const path = join(dir, 'a.sqlite');
    const old = new DatabaseSync(path);
    old.exec('CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (7)');
    old.close();
    chmodSync(path, mode);
    const db = openPrivately(path);
    expect(db.prepare('SELECT a FROM t').get()).toEqual({ a: 7 });
    expect(modesIn(dir)).toEqual({ 'a.sqlite': after });
    db.close();
  },
);

test("where no file can be, SQLite's own error says so", () => {
  expect(() => openPrivately(join(directory(), 'missing', 'a.sqlite'))).toThrow(/unable to open/);
});
