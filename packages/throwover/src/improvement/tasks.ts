import { z } from 'zod';

/**
 * A `task` record: a person's statement that the weekly task of a subject (`truth dns`, `change
 * NAME`) is done.
 */
export const taskBody = z.object({
  event: z.literal('by-word'),
  task: z.string(),
  note: z.string().nullable(),
});
export type TaskBody = z.infer<typeof taskBody>;
