import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  acceptedSchema,
  attachmentSchema,
  closedSchema,
  clusterMemorySchema,
  type GuardMemory,
  type Keep,
  knownEpochSchema,
  noClusterMemory,
  reopenedSchema,
  syncRecordSchema,
} from '../../../authority/authority.ts';
import { newGuardMemory } from '../../../authority/guard/guard.ts';
import { postgresErrors } from '../errors.ts';
import { replaceDurably, textOrNull } from './files.ts';

const memorySchema: z.ZodType<GuardMemory, unknown> = z.strictObject({
  token: z.number(),
  run: z.string().nullable(),
  pairedWith: z.string().nullable(),
  renounced: z.number(),
  accepted: acceptedSchema.nullable(),
  known: knownEpochSchema,
  closed: closedSchema.nullable(),
  followed: z.number().nullable(),
  stopped: z.boolean(),
  // Guards before this field did not write it.
  reopened: reopenedSchema.nullable().default(null),
  attachment: attachmentSchema.extend({ epoch: z.number(), proved: z.boolean() }).nullable(),
  promised: z.number().nullable(),
  peerSync: syncRecordSchema.nullable(),
  // Missing in files of the version before: nothing was agreed then.
  cluster: clusterMemorySchema.default(noClusterMemory),
});

/** Opens the guard's memory: one small file that is fsynced before the guard acts. */
export async function openKeep(dir: string): Promise<Keep> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const file = join(dir, 'guard.json');
  const text = await textOrNull(file);
  let current = text === null ? newGuardMemory() : memorySchema.parse(JSON.parse(text));
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
