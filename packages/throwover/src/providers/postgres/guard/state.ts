import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import type { GuardMemory, Keep } from '../../../authority/guard/ports.ts';
import {
  acceptedSchema,
  closedSchema,
  knownEpochSchema,
  syncRecordSchema,
} from '../../../authority/wire.ts';
import { postgresErrors } from '../errors.ts';
import { attachmentSchema } from '../wire.ts';

/** Version 1, before there were epochs and reasons in it: what it has is taken over. */
const versionOne = z.object({ token: z.number(), fenced: z.boolean(), stopped: z.boolean() });

const memorySchema: z.ZodType<GuardMemory> = z.strictObject({
  token: z.number(),
  renounced: z.number(),
  accepted: acceptedSchema.nullable(),
  known: knownEpochSchema,
  closed: closedSchema.nullable(),
  followed: z.number().nullable(),
  stopped: z.boolean(),
  attachment: attachmentSchema.extend({ epoch: z.number(), proved: z.boolean() }).nullable(),
  promised: z.number().nullable(),
  peerSync: syncRecordSchema.nullable(),
});

/** What the guard must not forget, in one small file that is fsynced before it acts. */
export async function openKeep(dir: string): Promise<Keep> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const file = join(dir, 'guard.json');
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  let current = text === null ? newGuardMemory() : parse(JSON.parse(text));
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

function parse(json: unknown): GuardMemory {
  const old = versionOne.safeParse(json);
  if (!old.success) return memorySchema.parse(json);
  const { token, fenced, stopped } = old.data;
  // Whose fence it was is not known: it stays closed until somebody with a newer token opens it.
  const closed = fenced
    ? ({ by: 'fence', token, deadlineMs: null, position: null } as const)
    : null;
  return { ...newGuardMemory(), token, stopped, closed };
}

/** In place as a whole or not at all, also after a power cut. */
export async function replaceDurably(file: string, text: string): Promise<void> {
  await writeDurably(`${file}.new`, text);
  await rename(`${file}.new`, file);
  await syncDirectory(join(file, '..'));
}

export async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A rename survives a power cut only once its directory is on disk. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
