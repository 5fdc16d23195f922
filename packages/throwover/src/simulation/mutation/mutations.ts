import type { Mutation } from './mutation.ts';
import { authorityMutations } from './of-authority.ts';
import { clusterMutations } from './of-clusters.ts';
import { controlMutations } from './of-control.ts';
import { doorMutations } from './of-doors.ts';
import { operationsMutations } from './of-operations.ts';
import { pairMutations } from './of-pairs.ts';

/**
 * Deliberate bugs. Each edit names text that exists in the product today. When that text changes,
 * the mutation fails loudly here and must be rewritten.
 */
export const mutations: readonly Mutation[] = [
  ...authorityMutations,
  ...controlMutations,
  ...clusterMutations,
  ...doorMutations,
  ...operationsMutations,
  ...pairMutations,
];
