import type { DatabaseSide } from '../authority/authority.ts';
import { orNull } from '../kernel/kernel.ts';

/** Returns how far the standby is behind, as the active side sees it; `null` is unknown. */
export async function lagFacts(from: DatabaseSide): Promise<Readonly<Record<string, unknown>>> {
  const standby = (await orNull(() => from.status()))?.standby ?? null;
  return { lag: standby === null ? null : { ms: standby.lagMs, bytes: standby.lagBytes } };
}
