import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kill } from '../../packages/lab/src/faults/process-tree.ts';
import type { RunAs } from '../../packages/lab/src/postgres/postgres.ts';

/**
 * The user that Debian's packages of PostgreSQL create; it has a shell, which repmgr's ssh needs.
 */
const debianUser = 'postgres';

/** Returns it when we are root; otherwise null: a peer then runs as the current user. */
export async function postgresUser(): Promise<RunAs | null> {
  if (process.getuid?.() !== 0) return null;
  const users = await readFile('/etc/passwd', 'utf8');
  const line = users.split('\n').find((one) => one.startsWith(`${debianUser}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`no user ${debianUser}`);
  return { uid: Number(uid), gid: Number(gid) };
}

export interface Daemon {
  readonly pid: number;
  /** Sends SIGKILL to it and all its descendants; resolves when none is left. */
  kill(): Promise<void>;
}

interface Program {
  readonly file: string;
  readonly args: readonly string[];
  /** Left out: our own user. */
  readonly runAs?: RunAs | null;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a process that keeps running; its output goes to `logDir/NAME.log`. */
export async function startDaemon(
  program: Program & { readonly name: string; readonly logDir: string },
): Promise<Daemon> {
  mkdirSync(program.logDir, { recursive: true });
  const log = openSync(join(program.logDir, `${program.name}.log`), 'a');
  const child = spawn(program.file, program.args, {
    ...(program.runAs ?? {}),
    cwd: '/',
    // A separate group: Ctrl-C in the terminal reaches only the bench, which ends them in order.
    detached: true,
    stdio: ['ignore', log, log],
    env: environment(program),
  });
  closeSync(log);
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program.name} did not start`);
  return { pid, kill: () => kill([pid]) };
}

/** Runs a tool to its end and returns its output; rejects with all its output when it fails. */
export async function runTool(program: Program): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program.file, [...program.args], {
      ...(program.runAs ?? {}),
      cwd: '/',
      env: environment(program),
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program.file} ${program.args.join(' ')}\n${stdout}${stderr}`, {
      cause: error,
    });
  }
}

/** Returns those of the files that cannot be run here. */
export async function missingPrograms(files: readonly string[]): Promise<readonly string[]> {
  const looked = await Promise.all(
    files.map((file) =>
      access(file, constants.X_OK).then(
        () => [],
        () => [file],
      ),
    ),
  );
  return looked.flat();
}

function environment({ env }: Program): Record<string, string> {
  return { PATH: '/usr/sbin:/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...env };
}
