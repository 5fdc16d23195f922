import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../kernel/kernel.ts';
import type { PostgresConfig } from '../config.ts';
import { postgresErrors } from '../errors.ts';

/** Pause between two looks at postmaster.pid, ms; a start takes 57 ms, a stop less (measured). */
const pollMs = 5;

/** Longest start, ms: it includes the recovery of the log since the last checkpoint. */
const startTimeoutMs = 120_000;

/** Longest stop, ms: PostgreSQL kills its own children 5 s after an immediate shutdown. */
const stopTimeoutMs = 12_000;

/** Number of lines of PostgreSQL's log that an error shows. */
const shownLogLines = 8;

/**
 * PostgreSQL's postmaster of one data directory: starts it, finds it again, stops it. The
 * postmaster outlives the guard.
 */
export class Postmaster {
  readonly #config: PostgresConfig;
  readonly #clock: Clock;
  readonly logFile: string;

  constructor(config: PostgresConfig, options: { stateDir: string; clock: Clock }) {
    this.#config = config;
    this.#clock = options.clock;
    this.logFile = join(options.stateDir, 'postgres.log');
  }

  /**
   * Returns the process id of the postmaster that runs on this data directory, or `null`. Reads a
   * few small files synchronously, in microseconds: through the thread pool these reads would wait
   * behind fsyncs.
   */
  pid(): number | null {
    const file = this.#pidFile();
    return file !== null && this.#isOurs(file.pid) ? file.pid : null;
  }

  /** Starts it unless it runs, and resolves when it accepts connections. */
  async start(): Promise<void> {
    if (this.pid() === null) await this.#spawn();
    else await this.#untilReady(() => null);
  }

  /** Stops it. `immediate` writes no shutdown checkpoint, so that the log ends where it is. */
  async stop(mode: 'immediate' | 'fast'): Promise<void> {
    const pid = this.pid();
    if (pid === null) return;
    signal(pid, mode === 'immediate' ? 'SIGQUIT' : 'SIGINT');
    const deadline = this.#clock.monotonicMs() + stopTimeoutMs;
    while (this.#isOurs(pid)) {
      if (this.#clock.monotonicMs() > deadline) {
        throw postgresErrors.make(
          'database-unreachable',
          `PostgreSQL (process ${pid}) has not ended ${stopTimeoutMs} ms after a stop`,
          { pid, mode },
        );
      }
      await this.#clock.sleep(pollMs);
    }
  }

  async logSize(): Promise<number> {
    return stat(this.logFile).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** Returns the part of PostgreSQL's log after this size. */
  async logSince(offset: number): Promise<string> {
    const handle = await open(this.logFile, 'r');
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(Math.max(0, size - offset));
      await handle.read(buffer, 0, buffer.length, offset);
      return buffer.toString('utf8');
    } finally {
      await handle.close();
    }
  }

  async #spawn(): Promise<void> {
    const { pgBin, dataDir, host, port, socketDir, runAs } = this.#config;
    const logged = await this.logSize();
    const log = openSync(this.logFile, 'a', 0o600);
    // The log is searched for messages, so they are in English and go to our file.
    const settings = { logging_collector: 'off', log_destination: 'stderr', lc_messages: 'C' };
    const child = spawn(
      join(pgBin, 'postgres'),
      [
        ...['-D', dataDir, '-h', host, '-p', String(port), '-k', socketDir ?? ''],
        ...(this.#config.hbaFile === undefined ? [] : ['-c', `hba_file=${this.#config.hbaFile}`]),
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      {
        cwd: '/',
        // A separate session: the end of the guard, or a Ctrl-C in its terminal, does not stop the
        // database (A5).
        detached: true,
        stdio: ['ignore', log, log],
        env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
        ...(runAs ?? {}),
      },
    );
    closeSync(log);
    child.unref();
    const ended = endOf(child);
    await this.#untilReady(ended, logged);
  }

  async #untilReady(ended: () => string | null, logged?: number): Promise<void> {
    const deadline = this.#clock.monotonicMs() + startTimeoutMs;
    const from = logged ?? (await this.logSize());
    for (;;) {
      const file = this.#pidFile();
      const how = ended();
      if (how !== null) throw await this.#startFailed(how, from);
      if (file !== null && /^(ready|standby)/.test(file.status) && this.#isOurs(file.pid)) {
        return;
      }
      if (this.#clock.monotonicMs() > deadline) {
        throw await this.#startFailed(`takes no connections after ${startTimeoutMs} ms`, from);
      }
      await this.#clock.sleep(pollMs);
    }
  }

  async #startFailed(how: string, logged: number) {
    const lines = (await this.logSince(logged).catch(() => '')).trim().split('\n');
    return postgresErrors.make(
      'database-start-failed',
      `PostgreSQL: ${how}\n${lines.slice(-shownLogLines).join('\n')}`,
      { dataDir: this.#config.dataDir, log: this.logFile },
    );
  }

  #pidFile(): { pid: number; status: string } | null {
    const lines = read(join(this.#config.dataDir, 'postmaster.pid'))?.split('\n') ?? [];
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, status: lines[7]?.trim() ?? '' } : null;
  }

  /** Whether the process lives and is PostgreSQL on this directory: process ids are reused. */
  #isOurs(pid: number): boolean {
    if (!signal(pid, 0)) return false;
    if (process.platform !== 'linux') return true;
    const stats = read(`/proc/${pid}/stat`);
    if (stats === null) return false;
    const state = stats.slice(stats.lastIndexOf(')') + 2, stats.lastIndexOf(')') + 3);
    if (state === 'Z' || state === 'X') return false;
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(this.#config.dataDir);
    } catch (error) {
      // No permission to look: then it is a live process of another user, and the safe answer is
      // yes.
      return (error as NodeJS.ErrnoException).code === 'EACCES';
    }
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function endOf(child: ChildProcess): () => string | null {
  let how: string | null = null;
  child.once('error', (error) => {
    how = `could not be started: ${error.message}`;
  });
  child.once('exit', (code, by) => {
    how = by === null ? `ended with exit code ${code}` : `ended by ${by}`;
  });
  return () => how;
}

/** Returns true if the process exists. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
