import { isThrowoverError } from '../kernel/kernel.ts';
import type { RunKind } from '../runs/runs.ts';
import type { DoorMode } from '../traffic/door.ts';
import type { Session } from './session.ts';

/** Time between two looks at the doors, ms. */
const lookEveryMs = 2_000;

/** Below any run's: a run in the same epoch has the last word at a door. */
const noRun = 0;

/** Kind of run whose epochs are left as they are. */
const naive: RunKind = 'flip-only';

/** What the doorkeeper did, as a line of the log of `throwover serve`. */
export type DoorkeeperEvent =
  | {
      readonly event: 'door-told';
      readonly region: string;
      readonly mode: DoorMode['mode'];
      readonly epoch: number;
    }
  | { readonly event: 'door-not-told'; readonly region: string; readonly error: string };

/**
 * Tells doors of an epoch that they have not heard of: one whose region was away when its run ended, or
 * both after a promotion by hand. The active region's serves, the other ones' forward to it. Doors that
 * know the epoch are left as they are, and so is everything while a run is open, automation is halted, or
 * the epoch is `flip-only`'s: that runbook tells no door, and what it leaves behind is what it is kept to
 * show. Ends when the signal is aborted.
 */
export async function keepDoors(options: {
  session: Session;
  signal: AbortSignal;
  log: (event: DoorkeeperEvent) => void;
}): Promise<void> {
  const { session, signal, log } = options;
  const told = new Map<string, string>();
  while (!signal.aborted) {
    try {
      await tellDoors(session, (event) => {
        // A door that goes on refusing is told of once.
        const said = JSON.stringify(event);
        if (told.get(event.region) !== said) log(event);
        told.set(event.region, said);
      });
    } catch (error) {
      // The store is away, or knows no such service yet: nothing is known to tell.
      if (!isThrowoverError(error)) throw error;
    }
    await session.clock.sleep(lookEveryMs, signal).catch(() => {});
  }
}

async function tellDoors(session: Session, log: (event: DoorkeeperEvent) => void): Promise<void> {
  const { parts, loaded } = session;
  const { epoch, active, openRun, openedBy } = await parts.store.service(loaded.service.name);
  if (openRun !== null || openedBy === naive || (await parts.store.halt()) !== null) return;
  const url = loaded.service.regions[active]?.door.forward;
  if (url === undefined) return;
  // The active one first: were another to forward to a door that forwards back, both would refuse.
  const doors = parts.regions
    .map(({ door }) => door)
    .sort((a, b) => Number(b.region === active) - Number(a.region === active));
  for (const door of doors) {
    const { region } = door;
    try {
      const { current } = await door.status();
      if (current.epoch >= epoch) continue;
      const mode: DoorMode =
        region === active
          ? { mode: 'serve', epoch }
          : { mode: 'forward', epoch, region: active, url };
      await door.set(mode, noRun);
      log({ event: 'door-told', region, mode: mode.mode, epoch });
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      // Away: it is told when it is back.
      if (error.disposition === 'retry') continue;
      log({ event: 'door-not-told', region, error: `${error.code}: ${error.message}` });
    }
  }
}
