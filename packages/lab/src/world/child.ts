import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { noAnswer, systemClock, within } from 'throwover/kernel';
import { labErrors } from '../errors.ts';

/**
 * Longest time until a process of the lab reports `ready`, ms; a start on a loaded machine takes a
 * few seconds.
 */
const readyTimeoutMs = 60_000;

/** Time after SIGTERM after which a process of the lab is killed, ms. */
const stopTimeoutMs = 8_000;

/** Lines of a process's log that an error shows. */
const shownLogLines = 12;

export interface ChildSpec {
  /** Name of the log file and in errors: `east-door`. */
  readonly name: string;
  /** Script and its arguments. */
  readonly argv: readonly string[];
  readonly logDir: string;
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Uses a separate process group, so that Ctrl-C in the terminal reaches only the process that
   * stops the others in order.
   */
  readonly ownGroup?: true;
}

/** A Node process of the lab that has reported `ready`. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended, with a sentence that says how. */
  readonly ended: Promise<string>;
  /** Sends SIGTERM, then SIGKILL; resolves when the process has ended. */
  stop(): Promise<void>;
}

/**
 * Starts a process and resolves when it listens; rejects with the process's own output when it ends
 * before that.
 */
export async function startChild(spec: ChildSpec): Promise<Child> {
  mkdirSync(spec.logDir, { recursive: true });
  const logFile = join(spec.logDir, `${spec.name}.log`);
  const child = spawn(process.execPath, [...nodeOptions, ...spec.argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...labEnv, ...spec.env },
    detached: spec.ownGroup === true,
  });
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stderr.pipe(log, { end: false });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not start: ${error.message}`));
    child.once('close', (code, signal) => {
      log.end();
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  const ready = new Promise<'ready'>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready' || line.startsWith('{')) resolve('ready');
    });
  });
  const first = await within(systemClock, readyTimeoutMs, Promise.race([ready, ended]));
  if (first !== 'ready') {
    child.kill('SIGKILL');
    const how = first === noAnswer ? `not ready after ${readyTimeoutMs / 1000} s` : first;
    const words = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
    throw labErrors.make(
      'lab-process-failed',
      `${spec.name}: ${how}\n${words.slice(-shownLogLines).join('\n')}`,
      { process: spec.name, log: logFile },
    );
  }
  return { name: spec.name, pid: child.pid ?? 0, ended, stop: () => stop(child, ended) };
}

/**
 * Keeps compiled modules between starts, as bin/throwover.js does: a lab is about forty processes
 * of the same sources.
 */
const compileCache = existsSync(homedir())
  ? { NODE_COMPILE_CACHE: join(homedir(), '.cache', 'throwover') }
  : {};

/** The lab checks no keys, but the AWS SDK needs some. */
export const labEnv = {
  AWS_ACCESS_KEY_ID: 'lab',
  AWS_SECRET_ACCESS_KEY: 'lab',
  ...compileCache,
};

/** How a Node process of this repository is started: from TypeScript sources. */
export const nodeOptions = [
  '--conditions=throwover-source',
  '--disable-warning=ExperimentalWarning',
];

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  if ((await within(systemClock, stopTimeoutMs, ended)) === noAnswer) child.kill('SIGKILL');
  await ended;
}
