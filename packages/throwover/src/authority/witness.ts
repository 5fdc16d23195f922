import { type Clock, isThrowoverError } from '../kernel/kernel.ts';
import type { Store } from '../store/store.ts';
import type { KnownEpoch } from './database-side.ts';
import type { Witness } from './guard/ports.ts';

/** The store, as a guard asks it. Deadlines are the store adapter's own (remote: `repeatForMs`). */
export function storeWitness(options: {
  readonly store: Store;
  readonly service: string;
  readonly clock: Clock;
}): Witness {
  const { store, service } = options;
  const known = ({ epoch, active }: { epoch: number; active: string }): KnownEpoch => ({
    epoch,
    active,
  });
  return {
    newestEpoch: async () => {
      try {
        return known(await store.service(service));
      } catch (error) {
        // A store that has never heard of the service knows of no epoch: that is an answer.
        if (isThrowoverError(error, 'no-such-service')) return { epoch: 0, active: null };
        throw error;
      }
    },
    renewWriter: async (input) => {
      const answer = await store.renewWriter({ service, ...input });
      return answer.kind === 'granted'
        ? answer
        : { kind: 'refused', why: answer.why, known: known(answer) };
    },
    recordSync: async (record) => {
      const { active } = await store.service(service);
      await store.recordSync({ service, region: active, ...record });
    },
    adoptEpoch: async ({ epoch, active }) =>
      known(await store.adoptEpoch({ service, epoch, active })),
  };
}
