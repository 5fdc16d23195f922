import { z } from 'zod';

/** Parts of the configurations of the lab's processes. */

/** A port; where a process listens, 0 takes a free one, which its ready line names. */
export const port = z.int().min(0).max(65_535);

export const endpoint = z.strictObject({ host: z.string().min(1), port });
