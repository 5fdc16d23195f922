import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export type FunctionCode = Awaited<ReturnType<typeof functionCode>>;

/**
 * Returns the hash of the deployed code: the files beside the handler, in order of name, without
 * tests.
 */
export async function functionCode(codeDir: string, handler: string) {
  const folder = dirname(join(codeDir, handler));
  const names = (await readdir(folder)).filter((name) => /(?<!\.test)\.ts$/.test(name)).sort();
  const hash = createHash('sha256');
  let bytes = 0;
  let modifiedMs = 0;
  for (const name of names) {
    const file = join(folder, name);
    const content = await readFile(file);
    hash.update(`${name}\0${content.byteLength}\0`).update(content);
    bytes += content.byteLength;
    modifiedMs = Math.max(modifiedMs, (await stat(file)).mtimeMs);
  }
  // In Lambda's form: SHA-256 in base64.
  return { sha256: hash.digest('base64'), bytes, modifiedMs };
}
