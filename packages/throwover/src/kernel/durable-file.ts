import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces the file completely or not at all, also after a power cut. Only its owner may read it,
 * unless `mode` says otherwise.
 */
export async function replaceDurably(file: string, text: string, mode = 0o600): Promise<void> {
  // A link that stands there is not followed.
  await rm(`${file}.new`, { force: true });
  await writeDurably(`${file}.new`, text, mode, 'wx');
  await rename(`${file}.new`, file);
  await syncPath(dirname(file));
}

export async function writeDurably(
  file: string,
  text: string,
  mode = 0o600,
  flags: 'w' | 'wx' = 'w',
): Promise<void> {
  const handle = await open(file, flags, mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Syncs a file, or a directory: a rename survives a power cut only when its directory is on disk.
 */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Returns the file's text; `null` if there is no such file. */
export function textOrNull(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(nullIfMissing);
}

/** Turns the error of a file that does not exist into `null`. */
export function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
