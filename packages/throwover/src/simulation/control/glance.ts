import type { SimProcess } from '../world/machine.ts';
import type { Network } from '../world/network.ts';
import type { Site } from './site.ts';

/**
 * A question to a region's guard that is answered at once, or not within the deadline when the guard
 * cannot be reached. It draws no random number, so that a question that a plan asks besides does
 * not change the history of every seed.
 */
export async function glance<T>(
  caller: SimProcess,
  network: Network,
  site: Site,
  question: { deadlineMs: number; away: (why: string) => Error; look: () => T },
): Promise<T> {
  const { deadlineMs, away, look } = question;
  const from = caller.machine.name;
  const { address } = site;
  const guard = address.current();
  if (network.reaches(from, address.place) && guard !== null && !guard.process.still) return look();
  await caller.clock.sleep(deadlineMs);
  throw away('timeout');
}
