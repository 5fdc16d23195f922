import type { DoorMode } from './door.ts';

/** Modes that a crash ends, and time does: a controller that died leaves no door in them. */
export type TimedMode = Extract<DoorMode, { maxMs: number }>;

export function endsByItself(mode: DoorMode): mode is TimedMode {
  return 'maxMs' in mode;
}

/** Picks a share of the requests as evenly as it can: of ten at a share of 0.3, three, none of them neighbours. */
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
