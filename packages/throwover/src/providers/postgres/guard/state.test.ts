import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import { type KeptMemory, memoryIn, openKeep } from './state.ts';

let dir: string;
let opened: KeptMemory[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'throwover-keep-'));
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((keep) => keep.close()));
  await rm(dir, { recursive: true, force: true });
});

const file = () => join(dir, 'guard.json');
async function again(): Promise<KeptMemory> {
  const keep = await openKeep(dir);
  opened.push(keep);
  return keep;
}

it('keeps every change, over a restart', async () => {
  const keep = await again();
  expect(keep.current).toEqual(newGuardMemory());
  await keep.change({ token: 4, run: 'r4' });
  await keep.change({ token: 5, run: 'r5' });
  expect((await again()).current).toEqual({ ...newGuardMemory(), token: 5, run: 'r5' });
});

it('reads a file of one object, as versions before wrote it, and goes on with it', async () => {
  await writeFile(file(), JSON.stringify({ ...newGuardMemory(), token: 3 }));
  const keep = await again();
  expect(keep.current.token).toBe(3);
  await keep.change({ renounced: 3 });
  expect((await again()).current).toMatchObject({ token: 3, renounced: 3 });
});

it('has the state before, or the new one, wherever the last line was cut off', async () => {
  const keep = await again();
  await keep.change({ token: 1 });
  await keep.change({ token: 2 });
  const text = await readFile(file(), 'utf8');
  const begins = text.indexOf('\n') + 1;
  for (let length = begins; length <= text.length; length++) {
    await writeFile(file(), text.slice(0, length));
    const back = await again();
    expect(back.current.token, `${length} bytes`).toBe(length >= text.length - 1 ? 2 : 1);
    await back.change({ token: 9 });
    expect((await again()).current.token, `${length} bytes`).toBe(9);
  }
  // A power cut may leave zeros where the line was to stand.
  await writeFile(file(), `${text.slice(0, begins)}\0\0\0\0`);
  expect((await again()).current.token).toBe(1);
});

it('does not grow without a bound', async () => {
  const keep = await again();
  for (let token = 1; token <= 600; token++) await keep.change({ token });
  expect((await stat(file())).size).toBeLessThan(300_000);
  expect((await again()).current.token).toBe(600);
});

it('writes to the file that stands there when somebody has put another one in its place', async () => {
  const keep = await again();
  await keep.change({ token: 1 });
  await writeFile(`${file()}.other`, `${JSON.stringify(newGuardMemory())}\n`);
  await rename(`${file()}.other`, file());
  await keep.change({ token: 2 });
  expect((await again()).current.token).toBe(2);
  await writeFile(file(), JSON.stringify(newGuardMemory()));
  await keep.change({ token: 3 });
  expect((await again()).current.token).toBe(3);
});

it('says that nothing was done when it cannot write, and goes on when it can', async () => {
  const keep = await again();
  await keep.change({ token: 1 });
  await rm(dir, { recursive: true });
  const code = { code: 'guard-memory-not-written' };
  await expect(keep.change({ token: 2 })).rejects.toMatchObject(code);
  expect(keep.current.token).toBe(1);
  const other = await again();
  await keep.change({ token: 3 });
  expect(memoryIn(await readFile(file(), 'utf8')).token).toBe(3);
  expect(other.current).toEqual(newGuardMemory());
});

it('refuses a file without one whole line: a guard that has forgotten may not decide', async () => {
  for (const text of ['', '\n', '{"token":1', 'x\ny\n']) {
    await writeFile(file(), text);
    await expect(openKeep(dir)).rejects.toMatchObject({ code: 'guard-memory-damaged' });
  }
});
