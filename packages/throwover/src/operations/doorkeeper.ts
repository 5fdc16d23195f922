import { errorLine, every, isThrowoverError } from '../kernel/kernel.ts';
import type { RunKind } from '../runs/runs.ts';
import type { DoorMode } from '../traffic/traffic.ts';
import type { LookFailed, Operated } from './operated.ts';

/** Pause between two looks at the doors, ms. */
const lookEveryMs = 2_000;

/** A token below that of any run: at a door, a run in the same epoch takes precedence. */
const noRun = 0;

/** The kind of run whose epochs the doorkeeper does not touch. */
const naive: RunKind = 'flip-only';

/** An act of the doorkeeper, as a line of the log of `throwover serve`. */
export type DoorkeeperEvent =
  | {
      readonly event: 'door-told';
      readonly region: string;
      readonly mode: DoorMode['mode'];
      readonly epoch: number;
    }
  | { readonly event: 'door-not-told'; readonly region: string; readonly error: string };

/**
 * Sets doors that have not heard of the present epoch: a door whose region was unreachable when its
 * run ended, or both doors after a promotion by hand. The door of the active region serves, the
 * others forward to it. Does nothing with doors that know the epoch, while a run is open, while
 * automation is halted, or in an epoch of `flip-only`: that runbook sets no door, and is kept to
 * show the consequences. Ends when the signal is aborted.
 */
export async function keepDoors(options: {
  service: Operated;
  signal: AbortSignal;
  log: (event: DoorkeeperEvent | LookFailed) => void;
}): Promise<void> {
  const { service, signal, log } = options;
  const told = new Map<string, string>();
  const { clock, name } = service;
  const failed = (error: unknown) => {
    // The store is unreachable or does not know the service yet: there is no known epoch to tell.
    if (isThrowoverError(error)) return;
    log({ event: 'doorkeeper-failed', service: name, error: errorLine(error) });
  };
  await every({ clock, pauseMs: lookEveryMs, signal, failed }, () =>
    tellDoors(service, (event) => {
      // A door that goes on refusing is logged once.
      const said = JSON.stringify(event);
      if (told.get(event.region) !== said) log(event);
      told.set(event.region, said);
    }),
  );
}

async function tellDoors(
  { store, name, regions }: Operated,
  log: (event: DoorkeeperEvent) => void,
): Promise<void> {
  const { epoch, active, openRun, openedBy } = await store.service(name);
  if (openRun !== null || openedBy === naive || (await store.halt()) !== null) return;
  const url = regions.find((region) => region.name === active)?.forwardUrl;
  if (url === undefined) return;
  // The active region's door first: if another door forwarded to one that forwards back, both would
  // refuse.
  const doors = regions
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
      // Unreachable: it is set when it is back.
      if (error.disposition === 'retry') continue;
      log({ event: 'door-not-told', region, error: `${error.code}: ${error.message}` });
    }
  }
}
