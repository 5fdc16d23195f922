import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { guardMemorySchema, type Keep } from '../../../authority/authority.ts';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import { postgresErrors } from '../errors.ts';
import { replaceDurably, textOrNull } from './files.ts';

/** Opens the guard's memory: one small file that is fsynced before the guard acts. */
export async function openKeep(dir: string): Promise<Keep> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const file = join(dir, 'guard.json');
  const text = await textOrNull(file);
  let current = text === null ? newGuardMemory() : guardMemorySchema.parse(JSON.parse(text));
  return {
    get current() {
      return current;
    },
    change: async (part) => {
      const next = { ...current, ...part };
      await replaceDurably(file, JSON.stringify(next)).catch((error) => {
        throw postgresErrors.make(
          'guard-memory-not-written',
          `${file}: ${error instanceof Error ? error.message : error}`,
          { file },
          error,
        );
      });
      current = next;
    },
  };
}
