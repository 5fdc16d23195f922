import type { DoorMode } from './door-wire.ts';

/**
 * Modes that end after a time or with a crash, so that a controller that died does not leave a door
 * in them.
 */
export type TimedMode = Extract<DoorMode, { maxMs: number }>;

export function endsByItself(mode: DoorMode): mode is TimedMode {
  return 'maxMs' in mode;
}

/**
 * Picks a share of the requests as evenly as possible: of ten at a share of 0.3 it picks three, no
 * two of them neighbours.
 */
export class Split {
  #owed = 0;

  goes(share: number): boolean {
    this.#owed += share;
    // 0.1 added ten times is not 1.
    if (this.#owed < 1 - 1e-9) return false;
    this.#owed -= 1;
    return true;
  }
}
