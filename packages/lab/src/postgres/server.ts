import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Endpoint } from 'throwover/kernel';
import { labErrors } from '../errors.ts';
import { signal } from '../faults/process-tree.ts';
import { until } from '../world/json.ts';
import type { Binaries } from './binaries.ts';

/** Time between two looks at postmaster.pid, ms. */
const pollMs = 5;

/**
 * Longest start or stop, ms; a start takes 57 ms (measured), and much longer on a loaded machine.
 */
const patienceMs = 60_000;

/** Lines of PostgreSQL's log that an error shows. */
const shownLogLines = 8;

/** Starts PostgreSQL on this data directory, detached; resolves when it takes connections. */
export async function startServer(options: {
  readonly binaries: Binaries;
  readonly dataDir: string;
  readonly address: Endpoint;
  readonly logFile: string;
}): Promise<void> {
  const { binaries, dataDir, address, logFile } = options;
  const log = openSync(logFile, 'a');
  const child = spawn(
    join(binaries.dir, 'postgres'),
    ['-D', dataDir, '-h', address.host, '-p', String(address.port), '-k', ''],
    {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      ...(binaries.runAs ?? {}),
    },
  );
  closeSync(log);
  child.unref();
  let ended: string | null = null;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, by) => {
    ended = by ?? `exit code ${code}`;
  });
  const isReady = async () => {
    const file = await pidFile(dataDir);
    if (file?.pid === child.pid && /^(ready|standby)/.test(file?.status ?? '')) return 'ready';
    return ended;
  };
  const patience = { timeoutMs: patienceMs, pollMs };
  const outcome = await until('a server', isReady, patience).catch(() => 'not ready');
  if (outcome === 'ready') return;
  const words = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
  throw labErrors.make(
    'lab-process-failed',
    `PostgreSQL on ${address.host}:${address.port}: ${outcome}\n${words.slice(-shownLogLines).join('\n')}`,
    { log: logFile },
  );
}

/**
 * Stops PostgreSQL if it runs: `fast` with a checkpoint, `immediate` without. It does not matter
 * who started it.
 */
export async function stopServer(dataDir: string, mode: 'fast' | 'immediate'): Promise<void> {
  const pid = await postmasterPid(dataDir);
  if (pid === null) return;
  signal(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  const ended = async () => (await postmasterPid(dataDir)) === null;
  await until('PostgreSQL ends', ended, { timeoutMs: patienceMs, pollMs }).catch(() => {
    throw labErrors.make(
      'lab-process-failed',
      `PostgreSQL (process ${pid}) does not end after a ${mode} stop`,
      { pid },
    );
  });
}

/** Returns the process id of the live postmaster of this data directory, or null. */
export async function postmasterPid(dataDir: string): Promise<number | null> {
  const file = await pidFile(dataDir);
  if (file === null) return null;
  try {
    process.kill(file.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null;
  }
  if (process.platform !== 'linux') return file.pid;
  // A zombie has no working directory, and another process has a different one.
  const cwd = await readlink(`/proc/${file.pid}/cwd`).catch(() => null);
  return cwd === (await realpath(dataDir).catch(() => '')) ? file.pid : null;
}

async function pidFile(dataDir: string): Promise<{ pid: number; status: string } | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, status: lines[7]?.trim() ?? '' } : null;
}
