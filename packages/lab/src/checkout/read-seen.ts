import type { Waited } from '@throwover/client';
import { z } from 'zod';

/** The header in which an answer describes the way of a read. */
export const readSeenHeader = 'checkout-read';

const readSeen = z.object({
  outcome: z.enum(['satisfied', 'not-yet', 'lost', 'unknown']),
  /** The reason, in the terms of `@throwover/client`; `no-token`: there was nothing to wait for. */
  reason: z.string().min(1),
  /** Whether the other region's database answered, since the near one could not. */
  routed: z.boolean(),
  /** Time spent waiting for the token, with the looks, ms. */
  waitedMs: z.number().nonnegative(),
});
export type ReadSeen = z.infer<typeof readSeen>;

export function readSeenText({ outcome, reason, waitedMs }: Waited<unknown>, routed: boolean) {
  return JSON.stringify({ outcome, reason, routed, waitedMs } satisfies ReadSeen);
}

/**
 * Parses the header; `null` when the answer came from a part that does not read orders, for example
 * a door.
 */
export function readSeenOf(text: string | undefined): ReadSeen | null {
  return text === undefined ? null : readSeen.parse(JSON.parse(text));
}
