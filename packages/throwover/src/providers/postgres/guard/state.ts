import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type GuardMemory, guardMemorySchema, type Keep } from '../../../authority/authority.ts';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import { nullIfMissing, replaceDurably, syncPath, textOrNull } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';

/** The file is begun anew once it is longer than this, bytes: about 200 changes. */
const maxFileBytes = 256 * 1024;

/** A guard's memory on disk. */
export interface KeptMemory extends Keep {
  close(): Promise<void>;
}

/**
 * Opens the guard's memory: a file of JSON lines, of which the last one counts. A change adds a line
 * and waits until it is on disk, because a promotion waits for it while no region takes writes: to
 * replace the file takes two more waits for the disk.
 */
export async function openKeep(dir: string): Promise<KeptMemory> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const file = join(dir, 'guard.json');
  const text = await textOrNull(file);
  // The guard acts on this text, and a guard that was killed may not have synced it.
  if (text !== null) await Promise.all([syncPath(file), syncPath(dir)]);
  let current = text === null ? newGuardMemory() : readMemory(file, text);
  // Behind a line that is not whole nothing may be added.
  const whole = text?.endsWith('\n') === true && parsed(linesOf(text).at(-1)) !== null;
  let bytes = whole ? Buffer.byteLength(text) : Number.POSITIVE_INFINITY;
  let opened: { readonly handle: FileHandle; readonly ino: number } | null = null;

  const close = async () => {
    await opened?.handle.close();
    opened = null;
  };
  const add = async (line: string) => {
    const there = await stat(file).catch(nullIfMissing);
    if (there === null) return false;
    if (opened === null) {
      const handle = await open(file, 'a', 0o600);
      opened = { handle, ino: (await handle.stat()).ino };
    }
    // Somebody has replaced or edited the file.
    if (opened.ino !== there.ino || there.size !== bytes) return false;
    await opened.handle.appendFile(line);
    await opened.handle.datasync();
    bytes += Buffer.byteLength(line);
    return true;
  };
  const beginAnew = async (line: string) => {
    await close();
    await replaceDurably(file, line);
    bytes = Buffer.byteLength(line);
  };
  return {
    get current() {
      return current;
    },
    change: async (part) => {
      const next = { ...current, ...part };
      const line = `${JSON.stringify(next)}\n`;
      try {
        if (bytes > maxFileBytes || !(await add(line))) await beginAnew(line);
      } catch (error) {
        // The content of the file is unknown now, so the next change begins a new file.
        bytes = Number.POSITIVE_INFINITY;
        throw postgresErrors.make(
          'guard-memory-not-written',
          `${file}: ${error instanceof Error ? error.message : error}`,
          { file },
          error,
        );
      }
      current = next;
    },
    close,
  };
}

function readMemory(file: string, text: string): GuardMemory {
  try {
    return memoryIn(text);
  } catch (error) {
    throw postgresErrors.make(
      'guard-memory-damaged',
      `${file}: ${error instanceof Error ? error.message : error}`,
      { file },
      error,
    );
  }
}

/**
 * Returns the memory in the text of its file. The last line may be cut off, if the guard ended while
 * it wrote: that change was never confirmed to anybody.
 */
export function memoryIn(text: string): GuardMemory {
  const lines = linesOf(text);
  const last = parsed(lines.at(-1)) ?? parsed(lines.at(-2));
  if (last === null) throw new Error('it has no whole line');
  return guardMemorySchema.parse(last);
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

function parsed(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '');
  } catch {
    return null;
  }
}
