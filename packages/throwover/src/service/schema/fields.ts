import { z } from 'zod';
import { parseDuration } from '../../kernel/kernel.ts';
import { parseSecretRef, secretRef } from '../secrets.ts';

/**
 * Kinds of values that several blocks of throwover.yaml use. Every `error` text completes the
 * sentence "expected ...".
 */

/** Longest list in the file: far above any real service, and small enough to show whole. */
export const maxItems = 64;

export const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });

export const duration = z
  .string({ error: 'a duration such as 500ms, 60s, 5m or 72h' })
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, { error: 'a duration such as 500ms, 60s, 5m or 72h' })
  .transform((value) => parseDuration(value) ?? 0);

export const httpUrl = z.url({
  protocol: /^https?$/,
  error: 'an http or https URL such as http://127.0.1.1:7601',
});

export const regionName = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, {
  error: 'a region name: a-z, 0-9 and -, at most 31 characters',
});

export const label = z
  .string({ error: 'a name: a-z, 0-9 and -' })
  .regex(/^[a-z][a-z0-9-]{0,62}$/, { error: 'a name: a-z, 0-9 and -, at most 63 characters' });

export const secret = z
  .string({ error: 'a reference: env:NAME or file:PATH' })
  .regex(secretRef, { error: 'a reference: env:NAME or file:PATH' })
  .transform((value) => parseSecretRef(value));

/** The place of a part of the control plane, so that a run can report that it leaves that place. */
export const standsIn = text('a region of this file, or a cloud region such as us-east-1')
  .optional()
  .describe(
    'Region of this file or cloud region in which it stands: a failover from there says so',
  );
