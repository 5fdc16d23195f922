import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Endpoint } from 'throwover/kernel';
import { labErrors } from '../errors.ts';
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
  readonly clock: Clock;
}): Promise<void> {
  const { binaries, dataDir, address, logFile, clock } = options;
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
  child.once('exit', (code, signal) => {
    ended = signal ?? `exit code ${code}`;
  });
  const deadline = clock.monotonicMs() + patienceMs;
  for (;;) {
    const file = await pidFile(dataDir);
    if (file?.pid === child.pid && /^(ready|standby)/.test(file?.status ?? '')) return;
    if (ended !== null || clock.monotonicMs() > deadline) {
      const words = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
      throw labErrors.make(
        'lab-process-failed',
        `PostgreSQL on ${address.host}:${address.port}: ${ended ?? 'not ready'}\n${words.slice(-shownLogLines).join('\n')}`,
        { log: logFile },
      );
    }
    await clock.sleep(pollMs);
  }
}

/**
 * Stops PostgreSQL if it runs: `fast` with a checkpoint, `immediate` without. It does not matter
 * who started it.
 */
export async function stopServer(
  dataDir: string,
  mode: 'fast' | 'immediate',
  clock: Clock,
): Promise<void> {
  const pid = await postmasterPid(dataDir);
  if (pid === null) return;
  try {
    process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  const deadline = clock.monotonicMs() + patienceMs;
  while ((await postmasterPid(dataDir)) !== null) {
    if (clock.monotonicMs() > deadline) {
      throw labErrors.make(
        'lab-process-failed',
        `PostgreSQL (process ${pid}) does not end after a ${mode} stop`,
        { pid },
      );
    }
    await clock.sleep(pollMs);
  }
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
