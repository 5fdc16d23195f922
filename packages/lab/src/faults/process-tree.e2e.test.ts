import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { freeze, kill, processTree, thaw } from './process-tree.ts';

/** A shell with two children, one of which has a child in a separate session. */
const family = `sh -c 'sleep 600 & echo deep; wait' & sleep 600 & echo ready; wait`;

let root: ChildProcess | null = null;
afterEach(async () => {
  if (root?.pid !== undefined) await kill([root.pid]);
});

async function start(script: string, words: number): Promise<number> {
  const child = spawn('sh', ['-c', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  root = child;
  let said = '';
  while (said.trim().split('\n').filter(Boolean).length < words) {
    said += String((await once(child.stdout, 'data'))[0]);
  }
  if (child.pid === undefined) throw new Error('sh could not be started');
  return child.pid;
}

async function states(pids: readonly number[]): Promise<(string | undefined)[]> {
  return Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      return text.slice(text.lastIndexOf(')') + 2)[0];
    }),
  );
}

it('finds all descendants, stops, wakes and ends them', async () => {
  const pid = await start(family, 2);
  const tree = await processTree([pid]);
  expect(tree[0]).toBe(pid);
  expect(tree).toHaveLength(4);

  expect(new Set(await freeze([pid]))).toEqual(new Set(tree));
  expect(await states(tree)).toEqual(['T', 'T', 'T', 'T']);
  await thaw([pid]);
  expect(await states(tree)).not.toContain('T');

  await kill([pid]);
  expect(await processTree(tree)).toEqual([]);
});

it('leaves none behind of a family that goes on to grow', async () => {
  const pid = await start('echo ready; while true; do sleep 0.01 & sleep 0.001; done', 1);
  const stopped = await freeze([pid]);
  expect((await states(stopped)).filter((state) => state === 'S' || state === 'R')).toEqual([]);
  await thaw([pid]);
  await kill([pid]);
  expect(await processTree([pid])).toEqual([]);
});
