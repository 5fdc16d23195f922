import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { HandWork } from './work.ts';

/** Runs a box as a person types it: in bash, with the values that it asks for on its input. */
export async function typed(
  { lines }: HandWork,
  asked: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  const shell = spawn('bash', ['-c', lines.join('\n')], {
    env: { ...process.env, AWS_PAGER: '', ...asked.env },
  });
  let said = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  // A box that fails before it asks for a value does not read its input.
  shell.stdin.on('error', () => {});
  shell.stdin.end(`${asked.input ?? ''}\n`);
  const [exitCode] = (await once(shell, 'close')) as [number | null];
  return { exitCode, said };
}

/** Returns the tools that are missing on this machine. */
export function missingTools(...tools: readonly string[]): readonly string[] {
  return tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
}
