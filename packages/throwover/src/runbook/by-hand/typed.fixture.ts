import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { HandWork } from './work.ts';

/** A box as a person types it: bash, with what is asked for on its input. */
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
  // A box that fails before it asks reads nothing.
  shell.stdin.on('error', () => {});
  shell.stdin.end(`${asked.input ?? ''}\n`);
  const [exitCode] = (await once(shell, 'close')) as [number | null];
  return { exitCode, said };
}

/** Those of the tools that are not on this machine. */
export function missingTools(...tools: readonly string[]): readonly string[] {
  return tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
}
