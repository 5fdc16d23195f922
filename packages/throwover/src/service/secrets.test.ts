import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSecretRef, parseSecretRef, resolveSecret } from './secrets.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throwover-secrets-'));
});
afterEach(() => rm(directory, { recursive: true }));

const read = (text: string, env = {}) => resolveSecret(parseSecretRef(text), { env, directory });

test('a secret is read from a variable or a file, without one line break at its end', async () => {
  await writeFile(join(directory, 'key'), 'a b\n\n');
  await writeFile(join(directory, 'dos'), 'a: b\r\n');
  expect(await read('env:KEY', { KEY: 'x' })).toBe('x');
  expect(await read('file:key')).toBe('a b\n');
  expect(await read(`file:${join(directory, 'dos')}`)).toBe('a: b');
});

test('a secret that is missing or empty is refused: anybody could sign with an empty one', async () => {
  await writeFile(join(directory, 'empty'), '');
  await writeFile(join(directory, 'line'), '\n');
  for (const text of ['env:KEY', 'file:empty', 'file:line', 'file:gone']) {
    await expect(read(text, { KEY: '' })).rejects.toMatchObject({ code: 'secret-missing' });
  }
  await expect(read('env:KEY')).rejects.toThrow('environment variable KEY is not set');
});

test('a reference names a variable or a file', () => {
  expect(['env:KEY', 'file:/run/key', 'file:a:b'].filter(isSecretRef)).toHaveLength(3);
  expect(['KEY', 'env:', 'env:1', 'env:A-B', 'file:', 'whsec_1'].filter(isSecretRef)).toEqual([]);
});
