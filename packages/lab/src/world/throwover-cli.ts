import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Plan } from 'throwover';
import { errorSchema, ThrowoverError } from 'throwover/kernel';
import { labEnv, nodeOptions } from './child.ts';
import { throwoverBin } from './specs.ts';

export interface CliResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `throwover ARGS` as a user would: as a separate process. `show`: its output goes live to
 * this terminal, and is not returned.
 */
export function throwover(
  args: readonly string[],
  options: { cwd: string; show?: boolean },
): Promise<CliResult> {
  return runNode([throwoverBin, ...args], options);
}

/** Runs a controller that kills itself at one point of its run (kill-points/controller.ts). */
export function runController(args: readonly string[], cwd: string): Promise<CliResult> {
  return runNode([killedController, ...args], { cwd });
}

const killedController = fileURLToPath(new URL('../kill-points/controller.ts', import.meta.url));

/** Starts `throwover ARGS` and does not wait for its end. */
export const spawnThrowover = (args: readonly string[], cwd: string, stdio: StdioOptions) =>
  spawnNode([throwoverBin, ...args], cwd, stdio);

function spawnNode(argv: readonly string[], cwd: string, stdio: StdioOptions): ChildProcess {
  const env = { ...process.env, ...labEnv };
  return spawn(process.execPath, [...nodeOptions, ...argv], { cwd, stdio, env });
}

async function runNode(
  argv: readonly string[],
  { cwd, show = false }: { cwd: string; show?: boolean },
): Promise<CliResult> {
  const output = show ? 'inherit' : 'pipe';
  const child = spawnNode(argv, cwd, ['ignore', output, output]);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { exitCode, signal, stdout, stderr };
}

/**
 * Returns the JSON object on the last line of `throwover ARGS --json`; rejects with `failureOf` on
 * any other end.
 */
export async function throwoverJson<T>(args: readonly string[], cwd: string): Promise<T> {
  const result = await throwover([...args, '--json'], { cwd });
  const answer = lastLine(result.stdout);
  if (result.exitCode !== 0 || answer === null) throw failureOf(args, result);
  return answer as T;
}

/**
 * Returns the error with which `throwover ARGS --json` ended. Of a refused plan: its refusal, or all
 * of them in an `AggregateError`. Without such an answer it is a bug or a kill: all that was printed.
 */
export function failureOf(
  args: readonly string[],
  { exitCode, signal, stdout, stderr }: CliResult,
): Error {
  const command = `throwover ${args.join(' ')}`;
  const [first, ...others] = errorsIn(lastLine(stdout));
  if (first !== undefined) {
    return others.length === 0 ? first : new AggregateError([first, ...others], command);
  }
  return new Error(`${command}: ${signal ?? `exit code ${exitCode}`}\n${stdout}${stderr}`);
}

/** What `--json` ends with when a command does not succeed: an error, a run, a refused plan. */
interface Answer {
  readonly error?: unknown;
  readonly plan?: Pick<Plan, 'guards'>;
}

function errorsIn(answer: unknown): readonly ThrowoverError[] {
  const { error, plan } = (answer ?? {}) as Answer;
  const refusals = plan?.guards.flatMap((guard) => guard.refusals) ?? [];
  return [error, ...refusals.map((refusal) => refusal.error)].flatMap((json) => {
    const { data } = errorSchema.safeParse(json);
    return data === undefined ? [] : [ThrowoverError.fromJSON(data)];
  });
}

function lastLine(stdout: string): unknown {
  const line = stdout.trim().split('\n').at(-1);
  return line?.startsWith('{') ? JSON.parse(line) : null;
}
