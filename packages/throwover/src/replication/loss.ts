import { isPosition, type Position } from '@throwover/client';
import type { DatabaseSide, DatabaseStatus } from '../authority/authority.ts';
import { type Clock, orNull } from '../kernel/kernel.ts';
import type { Store, SyncState } from '../store/store.ts';
import { exposureOf } from './exposure.ts';
import type { Sighting } from './lag-calls.ts';
import type { Exposure } from './outcomes.ts';

/**
 * Returns the possible loss if the new side were promoted with this much received. Asks store and
 * witnesses each time.
 */
export type LossView = (seen: {
  readonly received: Position | null;
  /**
   * The old side answers as a primary: the failover closes it first and waits for the rest of its
   * writes.
   */
  readonly oldAnswers: boolean;
}) => Promise<Exposure>;

/**
 * Port: earlier positions of the old primary, as others have seen them. `throwover serve` samples
 * them (server). An empty list is a valid answer. Errors: `store-away`.
 */
export interface PositionHistory {
  sightings(region: string): Promise<readonly Sighting[]>;
}

export function lossView(options: {
  store: Store;
  service: string;
  from: DatabaseSide;
  to: DatabaseSide;
  synchronous: boolean;
  /** `null`: no process samples positions. */
  history: PositionHistory | null;
  clock: Clock;
}): LossView {
  const { store, service, from, to, synchronous, history, clock } = options;
  return async ({ received, oldAnswers }) => {
    const [state, standby, sampled] = await Promise.all([
      store.service(service),
      orNull(() => to.status()),
      history === null ? [] : orNull(() => history.sightings(from.region)),
    ]);
    const told = synchronous ? syncSighting(state.sync) : [];
    return exposureOf({
      nowMs: clock.wallMs(),
      received,
      oldAnswers,
      inSync: synchronous ? inSyncOf(state.sync, standby) : null,
      sightings: [...(sampled ?? []), ...told],
    });
  };
}

/**
 * In sync only if both places say so. The old side needs only one of them to stop waiting, and one
 * that was put back from a backup, or begun anew, has forgotten.
 */
function inSyncOf(stored: SyncState | null, standby: DatabaseStatus | null): boolean | null {
  if (stored?.inSync === false || standby?.inSync === false) return false;
  return stored?.inSync === true && standby?.inSync === true ? true : null;
}

/**
 * "Not in sync since" is a sighting too: every write acknowledged before that is on the standby.
 */
function syncSighting(stored: SyncState | null): readonly Sighting[] {
  if (stored === null || stored.inSync || !isPosition(stored.position)) return [];
  return [{ position: stored.position, wallMs: stored.wallMs, by: 'the store' }];
}
