import { type Clock, isThrowoverError, noAnswer, within } from '../kernel/kernel.ts';
import { type Store, storeErrors } from '../store/store.ts';
import type { Witness } from './guard/ports.ts';
import type { KnownEpoch } from './messages.ts';
import { defaultTiming } from './timing.ts';

/**
 * The store, as a guard asks it. Each question ends after `deadlineMs`, even if the adapter still
 * retries or waits, because the arithmetic of a strict writer's lease depends on that (timing.ts).
 */
export function storeWitness(options: {
  readonly store: Store;
  readonly service: string;
  readonly clock: Clock;
  /** `timing.witnessDeadlineMs`; default: that of `defaultTiming`. */
  readonly deadlineMs?: number;
}): Witness {
  const { store, service, clock, deadlineMs = defaultTiming.witnessDeadlineMs } = options;
  const inTime = async <T>(work: () => Promise<T>): Promise<T> => {
    const answer = await within(clock, deadlineMs, work());
    if (answer !== noAnswer) return answer;
    throw storeErrors.make('store-away', `no answer from the store within ${deadlineMs} ms`, {
      service,
    });
  };
  return {
    newestEpoch: () =>
      inTime(async () => {
        try {
          return known(await store.service(service));
        } catch (error) {
          // A store that does not know the service knows of no epoch. That is an answer, not an
          // error.
          if (isThrowoverError(error, 'no-such-service')) return { epoch: 0, active: null };
          throw error;
        }
      }),
    openRun: () =>
      inTime(async () => {
        try {
          return (await store.service(service)).openRun;
        } catch (error) {
          if (isThrowoverError(error, 'no-such-service')) return null;
          throw error;
        }
      }),
    renewWriter: (input) =>
      inTime(async () => {
        const answer = await store.renewWriter({ service, ...input });
        return answer.kind === 'granted'
          ? answer
          : { kind: 'refused', why: answer.why, known: known(answer) };
      }),
    recordSync: (record) =>
      inTime(async () => {
        const { active } = await store.service(service);
        await store.recordSync({ service, region: active, ...record });
      }),
    adoptEpoch: ({ epoch, active }) =>
      inTime(async () => known(await store.adoptEpoch({ service, epoch, active }))),
  };
}

function known({ epoch, active }: { epoch: number; active: string }): KnownEpoch {
  return { epoch, active };
}
