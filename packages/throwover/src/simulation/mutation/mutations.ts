import type { Mutation } from './mutation.ts';
import { authorityMutations } from './of-authority.ts';
import { controlMutations } from './of-control.ts';

/**
 * Deliberate bugs. Each edit names text that stands in the product today: a change there fails loudly
 * here, and the mutation is written anew.
 */
export const mutations: readonly Mutation[] = [...authorityMutations, ...controlMutations];
