import { defineErrors } from '../../kernel/kernel.ts';
import type { Door, DoorMode, DoorStatus } from '../../traffic/door.ts';

const errors = defineErrors({
  'door-unreachable': { disposition: 'retry', notLost: '', remedy: '' },
  'door-refused': { disposition: 'stop', notLost: '', remedy: '' },
});

export const doorAway = (region: string) =>
  errors.make('door-unreachable', `${region}'s door does not answer`);

/** A front door: its mode is on disk, and an older epoch or token than it has seen is refused. */
export class ModelDoor implements Door {
  readonly region: string;
  #mode: DoorMode;
  #token = 0;
  #heldUntilMs = 0;
  readonly #nowMs: () => number;

  constructor(region: string, nowMs: () => number) {
    this.region = region;
    this.#nowMs = nowMs;
    this.#mode = { mode: 'serve', epoch: 1 };
  }

  /** Where a request goes that comes in now; `null`: it waits or is turned away. */
  target(): string | null {
    const mode = this.#current();
    switch (mode.mode) {
      case 'serve':
      case 'share':
        return this.region;
      case 'hold':
      case 'cut':
        return null;
      case 'forward':
        return mode.region;
    }
  }

  async status(): Promise<DoorStatus> {
    return {
      region: this.region,
      current: this.#current(),
      inFlight: 0,
      held: 0,
      served: 0,
      forwarded: 0,
      refused: 0,
      peakConcurrency: 2,
    };
  }

  async set(mode: DoorMode, token: number): Promise<DoorStatus> {
    if (token < this.#token || mode.epoch < this.#mode.epoch) {
      throw errors.make('door-refused', 'an older epoch or token than it has seen');
    }
    this.#token = token;
    this.#mode = mode;
    if (mode.mode === 'hold') this.#heldUntilMs = this.#nowMs() + mode.maxMs;
    return this.status();
  }

  /** A hold ends by itself. */
  #current(): DoorMode {
    const { mode, epoch } = this.#mode;
    const over = mode === 'hold' && this.#nowMs() >= this.#heldUntilMs;
    return over ? { mode: 'serve', epoch } : this.#mode;
  }
}
