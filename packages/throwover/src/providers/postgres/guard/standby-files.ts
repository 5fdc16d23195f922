import { chmod, chown, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nullIfMissing, writeDurably } from '../../../kernel/kernel.ts';

/**
 * A side's own files: a copy or a rewind brings the upstream's, with the upstream's addresses and
 * login rules.
 */
const ownFiles = ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf', 'postgresql.auto.conf'];

/** Settings in postgresql.auto.conf that the guard writes. */
const ourSettings = /^(primary_conninfo|recovery_target_timeline)\s*=/;

/**
 * Makes the server start as a standby of this upstream, and follow it onto newer timelines, or stay
 * on its own.
 */
export async function configureStandby(
  dataDir: string,
  options: {
    readonly primaryConninfo: string;
    readonly timeline?: 'latest' | 'current';
    readonly runAs: { uid: number; gid: number } | null;
  },
): Promise<void> {
  const { primaryConninfo, timeline = 'latest', runAs } = options;
  const file = join(dataDir, 'postgresql.auto.conf');
  const kept = (await readFile(file, 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '' && !ourSettings.test(line));
  const lines = [
    ...kept,
    `primary_conninfo = ${quoted(primaryConninfo)}`,
    `recovery_target_timeline = '${timeline}'`,
  ];
  await writeDurably(`${file}.new`, `${lines.join('\n')}\n`);
  await own(`${file}.new`, runAs);
  await rename(`${file}.new`, file);
  await writeDurably(join(dataDir, 'standby.signal'), '');
  await own(join(dataDir, 'standby.signal'), runAs);
}

/** Returns a connection string for `primary_conninfo`. */
export function conninfo(parts: Readonly<Record<string, string | number>>): string {
  return Object.entries(parts)
    .map(([name, value]) => `${name}='${String(value).replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}

/** Reads this side's own files, and returns a function that puts them into a data directory. */
export async function keepOwnFiles(dataDir: string) {
  const kept = await Promise.all(
    ownFiles.map(async (name) => {
      const path = join(dataDir, name);
      const text = await readFile(path, 'utf8').catch(() => null);
      return text === null ? [] : [{ name, text, ...(await stat(path)) }];
    }),
  );
  return async (into: string): Promise<void> => {
    for (const { name, text, mode, uid, gid } of kept.flat()) {
      const path = join(into, name);
      await writeDurably(path, text);
      await chmod(path, mode);
      await chown(path, uid, gid);
    }
  };
}

/**
 * Replaces the data directory by a finished copy. Between the two renames there is no data
 * directory; `finishReplacing` repairs that after a crash.
 */
export async function replaceDataDirectory(dataDir: string, copy: string): Promise<void> {
  await rename(dataDir, `${dataDir}.replaced`);
  await rename(copy, dataDir);
  await rm(`${dataDir}.replaced`, { recursive: true, force: true });
}

export async function finishReplacing(dataDir: string): Promise<void> {
  const there = await stat(dataDir).catch(() => null);
  if (there === null) {
    await rename(`${dataDir}.replaced`, dataDir).catch(nullIfMissing);
  }
  await rm(`${dataDir}.replaced`, { recursive: true, force: true });
}

async function own(path: string, runAs: { uid: number; gid: number } | null): Promise<void> {
  if (runAs !== null) await chown(path, runAs.uid, runAs.gid);
}

/** Returns a string of postgresql.conf: in it, a backslash escapes the next character. */
export function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '$&$&')}'`;
}
