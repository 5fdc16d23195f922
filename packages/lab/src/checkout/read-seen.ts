import type { Waited } from '@throwover/client';
import { z } from 'zod';

/** How a read came about, as its answer says it in one header. */
export const readSeenHeader = 'checkout-read';

const readSeen = z.object({
  outcome: z.enum(['satisfied', 'not-yet', 'lost', 'unknown']),
  /** Why, in the words of `@throwover/client`; `no-token`: there was nothing to wait for. */
  reason: z.string().min(1),
  /** Answered by the other region's database, since the near one could not. */
  routed: z.boolean(),
  /** Waited for the token, the look itself included, ms. */
  waitedMs: z.number().nonnegative(),
});
export type ReadSeen = z.infer<typeof readSeen>;

export function readSeenText({ outcome, reason, waitedMs }: Waited<unknown>, routed: boolean) {
  return JSON.stringify({ outcome, reason, routed, waitedMs } satisfies ReadSeen);
}

/** `null`: the answer came from something that does not read orders, a door for example. */
export function readSeenOf(text: string | undefined): ReadSeen | null {
  return text === undefined ? null : readSeen.parse(JSON.parse(text));
}
