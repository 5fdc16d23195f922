import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Plan } from 'throwover';
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

async function runNode(
  argv: readonly string[],
  { cwd, show = false }: { cwd: string; show?: boolean },
): Promise<CliResult> {
  const child = spawn(process.execPath, [...nodeOptions, ...argv], {
    cwd,
    stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...labEnv },
  });
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
 * Returns the JSON object on the last line of `throwover ARGS --json`; rejects with the output on
 * any other end.
 */
export async function throwoverJson<T>(args: readonly string[], cwd: string): Promise<T> {
  const { exitCode, signal, stdout, stderr } = await throwover([...args, '--json'], { cwd });
  const last = stdout.trim().split('\n').at(-1);
  if (exitCode !== 0 || last === undefined) {
    throw new Error(
      `throwover ${args.join(' ')}: ${signal ?? `exit code ${exitCode}`}\n${refusalsIn(last)}${stdout}${stderr}`,
    );
  }
  return JSON.parse(last) as T;
}

/** Why a plan is refused, a line each: the plan itself fills a screen before it comes to that. */
function refusalsIn(json: string | undefined): string {
  if (!json?.startsWith('{"digest"')) return '';
  const { plan } = JSON.parse(json) as { plan: Plan };
  const refusals = plan.guards.flatMap((guard) => guard.refusals);
  return refusals.map(({ error }) => `refused: ${error.code}: ${error.message}\n`).join('');
}
