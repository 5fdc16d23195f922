import { z } from 'zod';
import { dispositions, type ErrorJson, exits } from './errors.ts';

/** An error as it crosses a wire or stands in a journal: `ThrowoverError.toJSON`. */
export const errorSchema: z.ZodType<ErrorJson> = z.object({
  code: z.string(),
  message: z.string(),
  disposition: z.enum(dispositions),
  exit: z.enum(exits).exactOptional(),
  answered: z.literal(false).exactOptional(),
  notLost: z.string(),
  remedy: z.string(),
  evidence: z.record(z.string(), z.unknown()),
});
