import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { alive, poolProcess, probeConfig, untilFits } from './fixtures/running-pool.ts';

const program = fileURLToPath(new URL('./function-pool.ts', import.meta.url));

async function invoke(url: string): Promise<{ pid: number }> {
  const answer = await fetch(`${url}/2015-03-31/functions/checkout/invocations?Qualifier=live`, {
    method: 'POST',
    body: '{}',
  });
  return (await answer.json()) as { pid: number };
}

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'no instance outlives a pool ended by %s',
  async (signal) => {
    const pool = await poolProcess();
    const { pid } = await invoke(pool.url);
    expect(alive(pid)).toBe(true);
    const exit = once(pool.child, 'exit');
    pool.child.kill(signal);
    expect(await exit).toEqual(signal === 'SIGTERM' ? [0, null] : [null, 'SIGKILL']);
    await untilFits(
      () => alive(pid),
      (is) => !is,
    );
  },
);

test('a taken port is an error with code and remedy', async () => {
  const pool = await poolProcess();
  try {
    const port = Number(new URL(pool.url).port);
    const second = spawn(
      process.execPath,
      ['--conditions=throwover-source', program, JSON.stringify(probeConfig({ port }))],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let words = '';
    second.stderr.on('data', (chunk: Buffer) => {
      words += chunk.toString();
    });
    const [code] = await once(second, 'close');
    expect(code).toBe(1);
    const error = JSON.parse(words);
    expect(error).toMatchObject({ code: 'lab-process-failed' });
    expect(error.message).toContain(`127.0.0.1:${port} is taken`);
    expect(error.remedy).toContain('--port-base');
  } finally {
    await pool.close();
  }
});
