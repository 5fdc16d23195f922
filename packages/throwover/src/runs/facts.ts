import type { DatabaseSide } from '../authority/authority.ts';
import { isThrowoverError } from '../kernel/kernel.ts';

/** Returns how far the standby is behind, as the active side sees it; `null` is unknown. */
export async function lagFacts(from: DatabaseSide): Promise<Readonly<Record<string, unknown>>> {
  try {
    const { standby } = await from.status();
    return { lag: standby === null ? null : { ms: standby.lagMs, bytes: standby.lagBytes } };
  } catch (error) {
    if (!isThrowoverError(error)) throw error;
    return { lag: null };
  }
}
