import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type Clock, type Evidence, redacted } from '../../kernel/kernel.ts';
import type { OwnAction } from '../schema/schema.ts';
import { isSecretRef, parseSecretRef, resolveSecret } from '../secrets.ts';

/**
 * Length of the kept output of a command or an answer, characters: enough for the last error, small
 * in a journal.
 */
const maxOutput = 4_096;

/** Length of what is read of it: a URL that begins before the kept part is still seen as one. */
const maxRead = 2 * maxOutput;

/** Time that a command gets to end after SIGTERM before its process group is killed, ms. */
const killAfterMs = 2_000;

/**
 * How long the output is read after a command has ended, ms: a process that it left behind may hold
 * the output open.
 */
const outputGraceMs = 200;

/** Facts about the run for a command or call, as THROWOVER_FROM, ... or throwover-from, .... */
export interface RunFacts {
  readonly run?: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
  readonly token?: number;
}

export interface ActionOptions {
  /** Directory of throwover.yaml. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly facts: RunFacts;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** done: exit 0 or 2xx. pending: exit 1 or 404, 409. unknown: every other answer, or none. */
export interface ActionAnswer {
  readonly state: 'done' | 'pending' | 'unknown';
  /** For people: `exit 3`, `HTTP 503`, `no answer within 30 s`. */
  readonly said: string;
  readonly evidence: Evidence;
}

/**
 * Runs one command, without a shell, or makes one HTTP call. Never throws for an error of the
 * command or the server. The answer goes to the journal, so it holds no secrets of URLs.
 */
export async function runAction(action: OwnAction, options: ActionOptions): Promise<ActionAnswer> {
  const ended = new AbortController();
  const late = new AbortController();
  const signal = AbortSignal.any([options.signal, late.signal]);
  options.clock.sleep(options.timeoutMs, ended.signal).then(
    () => late.abort(),
    () => {},
  );
  try {
    return 'command' in action
      ? await runCommand(action.command, options, signal)
      : await makeCall(action.http, options, signal);
  } finally {
    ended.abort();
  }
}

async function runCommand(
  command: readonly string[],
  options: ActionOptions,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  const [program = '', ...args] = command;
  const asked = { command: command.map(redacted) };
  if (signal.aborted) return unknown('stopped before it began', asked);
  // A process group of its own: Ctrl-C stops the run at a safe point and not the command in the
  // middle, and a command that must end takes its child processes with it.
  const child = spawn(program, args, {
    cwd: options.directory,
    env: { ...options.env, ...environment(options.facts) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = tail(child.stdout, child.stderr);
  const gone = new AbortController();
  const onAbort = () => {
    killGroup(child.pid, 'SIGTERM');
    options.clock.sleep(killAfterMs, gone.signal).then(
      () => killGroup(child.pid, 'SIGKILL'),
      () => {},
    );
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    const exit = await new Promise<{ code: number | null; signal: string | null } | Error>(
      (resolve) => {
        child.once('error', resolve);
        child.once('exit', (code, killedBy) => resolve({ code, signal: killedBy }));
      },
    );
    if (exit instanceof Error) return unknown(redacted(exit.message), asked);
    const grace = options.clock.sleep(outputGraceMs, gone.signal).catch(() => {});
    await Promise.race([closed, grace]);
    const evidence = { ...asked, exit: exit.code ?? exit.signal, output: output() };
    if (signal.aborted) return unknown(stopped(options), evidence);
    if (exit.code === 0) return { state: 'done', said: 'exit 0', evidence };
    if (exit.code === 1) return { state: 'pending', said: 'exit 1', evidence };
    return unknown(exit.code === null ? `ended by ${exit.signal}` : `exit ${exit.code}`, evidence);
  } finally {
    signal.removeEventListener('abort', onAbort);
    gone.abort();
    if (signal.aborted) killGroup(child.pid, 'SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

async function makeCall(
  call: Extract<OwnAction, { http: unknown }>['http'],
  options: ActionOptions,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  const asked = { method: call.method, url: redacted(call.url) };
  const headers = { ...factHeaders(options.facts), ...(await resolvedHeaders(call, options)) };
  try {
    const response = await fetch(call.url, {
      method: call.method,
      headers,
      redirect: 'manual',
      signal,
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const evidence = { ...asked, status: response.status, body: await readTail(response) };
    const said = `HTTP ${response.status}`;
    if (response.ok) return { state: 'done', said, evidence };
    const pending = response.status === 404 || response.status === 409;
    return { state: pending ? 'pending' : 'unknown', said, evidence };
  } catch (error) {
    const reason = signal.aborted ? stopped(options) : reasonOf(error);
    return unknown(redacted(reason), asked);
  }
}

async function resolvedHeaders(
  call: { headers?: Record<string, string> | undefined },
  options: ActionOptions,
): Promise<Record<string, string>> {
  const resolved: Record<string, string> = {};
  for (const [name, value] of Object.entries(call.headers ?? {})) {
    resolved[name] = isSecretRef(value)
      ? await resolveSecret(parseSecretRef(value), options)
      : value;
  }
  return resolved;
}

function environment(facts: RunFacts): Record<string, string> {
  return Object.fromEntries(
    given(facts).map(([name, value]) => [`THROWOVER_${name.toUpperCase()}`, value]),
  );
}

function factHeaders(facts: RunFacts): Record<string, string> {
  return Object.fromEntries(given(facts).map(([name, value]) => [`throwover-${name}`, value]));
}

function given(facts: RunFacts): readonly (readonly [string, string])[] {
  return Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
}

function unknown(said: string, evidence: Evidence): ActionAnswer {
  return { state: 'unknown', said, evidence };
}

function stopped(options: ActionOptions): string {
  return options.signal.aborted
    ? 'stopped before it answered'
    : `no answer within ${options.timeoutMs} ms`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

/** Collects the end of the output, both streams in the order of arrival. */
function tail(...streams: readonly Readable[]): () => string {
  let kept = '';
  for (const stream of streams) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      kept = (kept + chunk).slice(-maxRead);
    });
  }
  return () => shown(kept);
}

async function readTail(response: Response): Promise<string> {
  let kept = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    kept = (kept + decoder.decode(chunk, { stream: true })).slice(-maxRead);
  }
  return shown(kept);
}

const shown = (output: string) => redacted(output.trim()).slice(-maxOutput);

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
