import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { appendFile, chmod, chown, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Clock } from 'throwover/kernel';
import { labErrors } from '../errors.ts';
import type { Binaries } from './binaries.ts';
import {
  applicationRole,
  database,
  hostBasedAccess,
  replicationRole,
  rolesSql,
  settings,
  tablesSql,
} from './schema.ts';
import { type ServerAddress, startServer, stopServer } from './server.ts';

/** Log files of 4 MB instead of 16 make a saved directory, and so a reset, smaller. */
const walSegmentMb = 4;

interface SideFiles {
  readonly dataDir: string;
  /** Of the guard beside it: highest token, fence, PostgreSQL's log. */
  readonly stateDir: string;
}

/** The two databases of the lab: a primary in `primary`, its standby in the other region. */
export interface Databases {
  side(region: string): SideFiles;
  /** Both as they were created: data directories from the saved ones, guards without memory. Ends the servers first. */
  reset(): Promise<void>;
  /** Ends both servers if they run. */
  stop(): Promise<void>;
}

export interface DatabasesOptions {
  /** Everything stands below it: `REGION/data`, `REGION/guard`, `saved/REGION`. */
  readonly dir: string;
  readonly binaries: Binaries;
  readonly primary: string;
  readonly standby: string;
  /** Where the standby reaches the primary: over the link between the regions. */
  readonly upstream: ServerAddress;
  /** A free address for the few seconds in which the primary is filled. */
  readonly scratch: ServerAddress;
  readonly clock: Clock;
}

/**
 * Makes both data directories and puts them in place, stopped. The guards, or `startServer`, start them.
 *
 * The standby is a copy of the primary's directory while that is shut down, which is the simplest
 * physical copy there is; it streams from `upstream` as soon as both run.
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

/** What the saved directories hold, in hex: those of another lab, or of an older version of this one, are made anew. */
function madeOf({ primary, standby, upstream }: DatabasesOptions): string {
  const parts = [primary, standby, upstream, settingsFile(), hostBasedAccess, rolesSql, tablesSql];
  return createHash('sha256')
    .update(JSON.stringify([walSegmentMb, ...parts]))
    .digest('hex');
}

function handles(options: DatabasesOptions): Databases {
  const { dir, binaries, clock } = options;
  const regions = [options.primary, options.standby];
  const side = (region: string): SideFiles => ({
    dataDir: join(dir, region, 'data'),
    stateDir: join(dir, region, 'guard'),
  });
  // Immediate: what is lost by it is put back from the saved copy, or is not wanted any more.
  const stop = async () => {
    await Promise.all(
      regions.map((region) => stopServer(side(region).dataDir, 'immediate', clock)),
    );
  };
  return {
    side,
    stop,
    reset: async () => {
      await stop();
      await Promise.all(
        regions.map((region) => restore(join(dir, 'saved', region), side(region), binaries)),
      );
    },
  };
}

async function restore(saved: string, side: SideFiles, binaries: Binaries): Promise<void> {
  await Promise.all([
    rm(side.dataDir, { recursive: true, force: true }),
    rm(side.stateDir, { recursive: true, force: true }),
  ]);
  await mkdir(side.stateDir, { recursive: true, mode: 0o755 });
  await copyDirectory(saved, side.dataDir, binaries);
}

async function makePrimary(options: DatabasesOptions, dataDir: string): Promise<void> {
  const { binaries, scratch, clock, dir } = options;
  await rm(dataDir, { recursive: true, force: true });
  await makeOwned(dataDir, binaries);
  await run(binaries, 'initdb', [
    ...['-D', dataDir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    ...['--no-sync', `--wal-segsize=${walSegmentMb}`],
  ]);
  await appendFile(join(dataDir, 'postgresql.conf'), settingsFile());
  await writeFile(join(dataDir, 'pg_hba.conf'), hostBasedAccess);
  const logFile = join(dir, 'saved', 'create.log');
  await startServer({ binaries, dataDir, address: scratch, logFile, clock });
  try {
    await execute(scratch, { user: 'postgres', database: 'postgres' }, rolesSql);
    await execute(scratch, { user: applicationRole, database }, [tablesSql]);
  } finally {
    await stopServer(dataDir, 'fast', clock);
  }
}

async function makeStandby(
  options: DatabasesOptions,
  primaryDir: string,
  dataDir: string,
): Promise<void> {
  const { binaries, upstream, standby } = options;
  await rm(dataDir, { recursive: true, force: true });
  await copyDirectory(primaryDir, dataDir, binaries);
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
  address: ServerAddress,
  login: { user: string; database: string },
  statements: readonly string[],
): Promise<void> {
  const client = new pg.Client({ ...address, ...login });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Owners and modes stay; blocks are shared where the file system can. */
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
