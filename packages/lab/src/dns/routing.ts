/**
 * The routing policies of Route 53 that a failover uses: several sets of one name and type,
 * distinguished by an identifier, of which each answer takes one. The lab has no health checks:
 * every set counts as healthy.
 */
export type Policy =
  | { readonly identifier: string; readonly weight: number }
  | { readonly identifier: string; readonly failover: 'PRIMARY' | 'SECONDARY' };

interface Routed {
  readonly policy?: Policy;
}

/**
 * Share of a turn that is added for each answer; any sequence of answers comes close to the
 * weights.
 */
const goldenRatio = 0.618_033_988_749_895;

/**
 * Returns the set that answers the query with this number. If all weights are zero, the shares are
 * equal.
 */
export function choose<T extends Routed>(sets: readonly T[], turn: number): T | undefined {
  if (sets.length <= 1) return sets[0];
  const primary = sets.find(({ policy }) => policy && 'failover' in policy && isPrimary(policy));
  if (primary !== undefined) return primary;
  const given = sets.map(({ policy }) => (policy && 'weight' in policy ? policy.weight : 0));
  const sum = given.reduce((total, weight) => total + weight, 0);
  const weights = sum === 0 ? sets.map(() => 1) : given;
  let left = ((turn * goldenRatio) % 1) * (sum === 0 ? sets.length : sum);
  for (const [index, weight] of weights.entries()) {
    if (left < weight) return sets[index];
    left -= weight;
  }
  return sets.findLast((_, index) => (weights[index] ?? 0) > 0);
}

/** Returns why the sets of one name and type cannot exist together; null when they can. */
export function conflictOf(sets: readonly Routed[]): string | null {
  const kinds = new Set(sets.map(({ policy }) => kindOf(policy)));
  if (kinds.size > 1) return 'sets of one name and type have one routing policy';
  const roles = sets.flatMap(({ policy }) =>
    policy && 'failover' in policy ? [policy.failover] : [],
  );
  if (new Set(roles).size < roles.length) return 'there is one PRIMARY and one SECONDARY';
  if (sets.length > 1 && kinds.has('simple')) return 'it already exists';
  return null;
}

function kindOf(policy: Policy | undefined): 'simple' | 'weighted' | 'failover' {
  if (policy === undefined) return 'simple';
  return 'weight' in policy ? 'weighted' : 'failover';
}

function isPrimary(policy: Policy): boolean {
  return 'failover' in policy && policy.failover === 'PRIMARY';
}
