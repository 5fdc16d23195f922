import { type Clock, machineClock, within } from '../clock.ts';
import { ClientError, NoWriter } from '../errors.ts';
import type { Accept } from './pool.ts';

/**
 * Head start of a target over the next one, ms: longer than it takes to connect within a continent.
 */
const headStartMs = 150;

export interface FirstWritableOptions<T, C> {
  /** Connection options of each region where the writer may be, in order of preference. */
  readonly targets: readonly T[];
  /** Connects; must reject within its own timeout (`connectionTimeoutMillis` of `pg`). */
  readonly connect: (target: T) => Promise<C>;
  readonly discard?: (client: C) => void;
  readonly clock?: Clock;
}

/**
 * Returns an `open` for `createWriter`: it connects to the first target that is the current writer.
 *
 * It asks the last known writer first, and the next target when that one refuses or has not
 * answered for 150 ms. Rejects with `NoWriter` when no target is the writer.
 */
export function firstWritable<T, C extends { end(): Promise<void> }>(
  options: FirstWritableOptions<T, C>,
): (accept: Accept<C>) => Promise<C> {
  const { targets, connect, clock = machineClock } = options;
  const discard = options.discard ?? ((client) => void client.end().catch(() => {}));
  let last: T | undefined;

  return async (accept) => {
    const order = [...targets].sort((a, b) => Number(b === last) - Number(a === last));
    const attempts: Promise<Found<T, C>>[] = [];
    let winner: Found<T, C> | 'late' = 'late';
    for (const target of order) {
      attempts.push(tryTarget(target, accept));
      const sofar = Promise.any(attempts).catch(() => 'late' as const);
      winner = await within(clock, headStartMs, sofar);
      if (winner !== 'late') break;
    }
    if (winner === 'late') winner = await Promise.any(attempts).catch(noneOf);
    last = winner.target;
    discardOthers(winner, attempts);
    return winner.client;
  };

  async function tryTarget(target: T, accept: Accept<C>): Promise<Found<T, C>> {
    const client = await connect(target);
    try {
      if (await accept(client)) return { client, target };
    } catch (error) {
      discard(client);
      throw error;
    }
    discard(client);
    throw new NoWriter('connected, and not the current writer');
  }

  function discardOthers(winner: Found<T, C>, attempts: readonly Promise<Found<T, C>>[]): void {
    for (const attempt of attempts) {
      attempt.then(
        ({ client }) => client !== winner.client && discard(client),
        () => {},
      );
    }
  }
}

interface Found<T, C> {
  readonly client: C;
  readonly target: T;
}

/**
 * All targets refused. An error that a person must fix is thrown as it is; the others pass with
 * time.
 */
function noneOf(all: unknown): never {
  const failures: readonly unknown[] = all instanceof AggregateError ? all.errors : [all];
  for (const failure of failures) {
    if (failure instanceof ClientError && failure.code === 'epoch-hidden') throw failure;
  }
  throw new NoWriter(`no target is a writer: ${failures.map(messageOf).join('; ')}`, all);
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
