import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  cp,
  mkdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Endpoint } from 'throwover/kernel';
import { labErrors } from '../errors.ts';
import type { Binaries } from './binaries.ts';
import { type Login, withClient } from './client.ts';
import {
  applicationRole,
  hostBasedAccess,
  replicationRole,
  rolesSql,
  settings,
  tablesSql,
} from './schema.ts';
import { startServer, stopServer } from './server.ts';

/** Log files of 4 MB instead of 16 make a saved directory, and so a reset, smaller. */
const walSegmentMb = 4;

/** The two databases of the lab: a primary in `primary`, its standby in the other region. */
export type Databases = ReturnType<typeof handles>;

export interface DatabasesOptions {
  /** Directory of all files: `REGION/data`, `REGION/guard`, `saved/REGION`. */
  readonly dir: string;
  readonly binaries: Binaries;
  readonly primary: string;
  readonly standby: string;
  /** Address at which the standby reaches the primary: over the link between the regions. */
  readonly upstream: Endpoint;
  /** A free address for the few seconds in which the primary is filled. */
  readonly scratch: Endpoint;
}

/**
 * Creates both data directories and puts them in place, stopped. The guards, or `startServer`,
 * start them.
 *
 * The standby is a copy of the primary's directory while that is shut down, which is the simplest
 * physical copy; it streams from `upstream` as soon as both run.
 */
export async function createDatabases(options: DatabasesOptions): Promise<Databases> {
  const { dir, primary, standby } = options;
  const databases = handles(options);
  await mkdir(join(dir, 'saved'), { recursive: true, mode: 0o755 });
  await databases.stop();
  const complete = join(dir, 'saved', 'complete');
  const made = madeOf(options);
  if ((await readFile(complete, 'utf8').catch(() => null)) !== made) {
    await rm(complete, { force: true });
    await makePrimary(options, join(dir, 'saved', primary));
    await makeStandby(options, join(dir, 'saved', primary), join(dir, 'saved', standby));
    await writeFile(complete, made);
  }
  await databases.reset();
  return databases;
}

/**
 * Returns a hash of what the saved directories depend on, in hex: directories of another lab, or of
 * an older version, are created again.
 */
function madeOf({ primary, standby, upstream }: DatabasesOptions): string {
  const parts = [primary, standby, upstream, settingsFile(), hostBasedAccess, rolesSql, tablesSql];
  return createHash('sha256')
    .update(JSON.stringify([walSegmentMb, ...parts]))
    .digest('hex');
}

function handles(options: DatabasesOptions) {
  const { dir, binaries } = options;
  const regions = [options.primary, options.standby];
  const side = (region: string) => ({
    dataDir: join(dir, region, 'data'),
    /** State of the guard beside it: highest token, fence, PostgreSQL's log. */
    stateDir: join(dir, region, 'guard'),
  });
  // Immediate: lost data is restored from the saved copy, or no longer needed.
  const stop = async () => {
    await Promise.all(regions.map((region) => stopServer(side(region).dataDir, 'immediate')));
  };
  const own = (region: string) => `${side(region).dataDir}.own`;
  return {
    side,
    /** Ends both servers if they run. */
    stop,
    /** Starts one with its present data directory, as an init script does, without the guard. */
    start: (region: string, address: Endpoint) =>
      startServer({
        ...{ binaries, address, dataDir: side(region).dataDir },
        logFile: join(side(region).stateDir, 'own-start.log'),
      }),
    /**
     * Puts a standby of another cluster, further ahead in its log, into the data directory. The
     * server must be down.
     */
    becomeForeign: async (
      region: string,
      { address, upstream }: { readonly address: Endpoint; readonly upstream: Endpoint },
    ) => {
      const foreign = join(dir, region, 'foreign');
      await makePrimary({ ...options, scratch: address }, foreign);
      await advance({ ...options, scratch: address }, foreign);
      await followWhenStarted({ ...options, upstream, standby: region }, foreign);
      await rename(side(region).dataDir, own(region));
      await rename(foreign, side(region).dataDir);
    },
    /** Restores the region's own data directory. The server must be down. */
    becomeOwn: async (region: string) => {
      await rm(side(region).dataDir, { recursive: true, force: true });
      await rename(own(region), side(region).dataDir);
    },
    /**
     * Restores both to their first state: data directories from the saved ones, guards without
     * memory. Ends the servers first.
     */
    reset: async () => {
      await stop();
      await Promise.all(
        regions.map((region) => restore(join(dir, 'saved', region), side(region), binaries)),
      );
    },
  };
}

async function restore(
  saved: string,
  side: { readonly dataDir: string; readonly stateDir: string },
  binaries: Binaries,
): Promise<void> {
  await Promise.all([
    rm(side.dataDir, { recursive: true, force: true }),
    rm(side.stateDir, { recursive: true, force: true }),
  ]);
  await mkdir(side.stateDir, { recursive: true, mode: 0o755 });
  await copyDirectory(saved, side.dataDir, binaries);
}

async function makePrimary(options: DatabasesOptions, dataDir: string): Promise<void> {
  const { binaries, scratch, dir } = options;
  await rm(dataDir, { recursive: true, force: true });
  await makeOwned(dataDir, binaries);
  await run(binaries, 'initdb', [
    ...['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    ...['--no-sync', `--wal-segsize=${walSegmentMb}`],
  ]);
  await appendFile(join(dataDir, 'postgresql.conf'), settingsFile());
  await writeFile(join(dataDir, 'pg_hba.conf'), hostBasedAccess);
  const logFile = join(dir, 'saved', 'create.log');
  await startServer({ binaries, dataDir, address: scratch, logFile });
  try {
    await execute(scratch, rolesSql, { database: 'postgres' });
    await execute(scratch, [tablesSql], { user: applicationRole });
  } finally {
    await stopServer(dataDir, 'fast');
  }
}

/**
 * Number of segments by which another cluster's log is ahead: more than minutes of rounds write.
 */
const foreignSegments = 64;

/** Advances the end of this data directory's log. */
async function advance(options: DatabasesOptions, dataDir: string): Promise<void> {
  const { binaries, scratch, dir } = options;
  const logFile = join(dir, 'saved', 'create.log');
  await startServer({ binaries, dataDir, address: scratch, logFile });
  try {
    const one = `SELECT pg_logical_emit_message(false, 'lab', 'on'); SELECT pg_switch_wal()`;
    const all = Array.from({ length: foreignSegments }, () => one);
    await execute(scratch, all);
  } finally {
    await stopServer(dataDir, 'fast');
  }
}

async function makeStandby(
  options: DatabasesOptions,
  primaryDir: string,
  dataDir: string,
): Promise<void> {
  const { binaries } = options;
  await rm(dataDir, { recursive: true, force: true });
  await copyDirectory(primaryDir, dataDir, binaries);
  await followWhenStarted(options, dataDir);
}

/** Lets the server of this directory follow the upstream from its next start on. */
export async function followWhenStarted(
  { binaries, upstream, standby }: Pick<DatabasesOptions, 'binaries' | 'upstream' | 'standby'>,
  dataDir: string,
): Promise<void> {
  const conninfo = `host=${upstream.host} port=${upstream.port} user=${replicationRole} application_name=${standby} connect_timeout=3`;
  await appendFile(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = '${conninfo}'\nrecovery_target_timeline = 'latest'\n`,
  );
  const signal = join(dataDir, 'standby.signal');
  await writeFile(signal, '');
  if (binaries.runAs !== null) await chown(signal, binaries.runAs.uid, binaries.runAs.gid);
}

function settingsFile(): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  return `\n${lines.join('\n')}\n`;
}

async function execute(
  address: Endpoint,
  statements: readonly string[],
  login: Login = {},
): Promise<void> {
  await withClient(
    address,
    async (client) => {
      for (const statement of statements) await client.query(statement);
    },
    login,
  );
}

/** Copies a directory with owners and modes; blocks are shared where the file system can. */
async function copyDirectory(from: string, to: string, { runAs }: Binaries): Promise<void> {
  if (runAs === null) {
    await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE });
    await chmod(to, 0o700);
    return;
  }
  await command('cp', ['--archive', '--reflink=auto', from, to]);
}

async function makeOwned(dir: string, { runAs }: Binaries): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (runAs !== null) await chown(dir, runAs.uid, runAs.gid);
}

async function run(binaries: Binaries, tool: string, args: readonly string[]): Promise<void> {
  await command(join(binaries.dir, tool), args, binaries.runAs ?? {});
}

async function command(
  file: string,
  args: readonly string[],
  user: { uid?: number; gid?: number } = {},
): Promise<void> {
  try {
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
    await promisify(execFile)(file, [...args], { ...user, cwd: '/', env });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const text = `${file}: ${stderr?.trim() || message}`;
    const code = /No space left/.test(text) ? 'lab-disk' : 'lab-process-failed';
    throw labErrors.make(code, text, {}, error);
  }
}
