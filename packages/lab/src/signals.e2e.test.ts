import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { processTree } from './faults/process-tree.ts';
import { nodeOptions } from './world/child.ts';

const command = fileURLToPath(new URL('fixtures/stoppable.ts', import.meta.url));

test.each([
  ['SIGINT', 130, []],
  ['SIGTERM', 143, []],
  ['SIGTERM', 143, ['--start']],
] as const)('%s stops whatever was started, and ends with %i %j', async (signal, code, argv) => {
  const child = spawn(process.execPath, [...nodeOptions, command, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += chunk;
  });
  const [line] = await once(child.stdout, 'data');
  const pids: number[] = JSON.parse(String(line));
  expect(await processTree(pids)).toEqual(pids);
  child.kill(signal);
  expect(await once(child, 'close')).toEqual([code, null]);
  expect(await processTree(pids)).toEqual([]);
  expect(told).toBe('stopping the lab (Ctrl-C again: at once)\n');
});
