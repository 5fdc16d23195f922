import type { Mutation } from './mutation.ts';

/** Deliberate bugs. Each edit names text that stands in the product today: a change there fails loudly here. */
export const mutations: readonly Mutation[] = [];
