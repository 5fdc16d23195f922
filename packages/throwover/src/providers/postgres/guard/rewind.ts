import { spawn } from 'node:child_process';
import { constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuardConfig } from '../config.ts';
import { isThere } from './files.ts';
import { ownSession } from './own-session.ts';
import { type Login, Sql } from './sql.ts';
import { conninfo, keepOwnFiles } from './standby-files.ts';

/** Any database will do: pg_rewind reads files through it. This one always exists. */
const rewindDatabase = 'postgres';

/** Longest checkpoint on the source, ms: a busy primary has gigabytes to write. */
const checkpointTimeoutMs = 60_000;

/** The kilobytes in pg_rewind's last progress line: `12345/12345 kB (100%) copied`. */
const progressLine = /(\d+)\/\s*(\d+) kB \(\s*\d+%\) copied/g;

/**
 * Takes a diverged data directory back to the point where the upstream left its timeline, with
 * PostgreSQL's own tool. Returns `null` if the tool is missing or failed: the caller makes a copy
 * instead.
 */
export async function rewind(
  config: GuardConfig,
  source: {
    readonly link: { readonly host: string; readonly port: number };
    readonly user: string;
    readonly password: string | null;
  },
): Promise<{ bytesCopied: number } | null> {
  const { pgBin, dataDir, runAs } = config.postgres;
  const tool = join(pgBin, 'pg_rewind');
  if (!(await isThere(tool, constants.X_OK))) return null;
  const { link, user, password } = source;
  const options = ownSession(dataDir);
  await settleTimeline({ ...link, user, password, database: rewindDatabase, options });
  const restoreOwnFiles = await keepOwnFiles(dataDir);
  const { code, output } = await run(
    tool,
    [
      '--target-pgdata',
      dataDir,
      '--source-server',
      conninfo({
        ...link,
        user,
        dbname: rewindDatabase,
        options: options({ superuser: false }),
      }),
      '--progress',
    ],
    { PGPASSWORD: password ?? '' },
    runAs,
  );
  await restoreOwnFiles(dataDir);
  if (code !== 0 || output.includes('no rewind required')) {
    console.error(JSON.stringify({ level: 'warn', message: 'pg_rewind did not rewind', output }));
    return null;
  }
  const last = [...output.matchAll(progressLine)].at(-1);
  return { bytesCopied: Number(last?.[1] ?? 0) * 1024 };
}

/**
 * Before PostgreSQL 16 pg_rewind reads the source's timeline from its control file, which has the
 * old one until the first checkpoint after the promotion; then it finds nothing to rewind. A role
 * that may not write a checkpoint costs a copy, but nothing is wrong.
 */
async function settleTimeline(source: Login): Promise<void> {
  const sql = new Sql(source);
  try {
    const { version } = await sql.row<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    );
    if (version < 160_000) await sql.rows('CHECKPOINT', [], checkpointTimeoutMs);
  } catch (error) {
    console.error(
      JSON.stringify({ level: 'warn', message: 'no checkpoint on the source', why: String(error) }),
    );
  } finally {
    await sql.close();
  }
}

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  runAs: { uid: number; gid: number } | null,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', ...env },
      ...(runAs ?? {}),
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-outputLimit);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Characters of the tool's output that are kept: its last lines tell why it failed. */
const outputLimit = 8_000;
