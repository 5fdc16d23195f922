import { defineErrors } from '../../kernel/kernel.ts';
import type { Door, DoorMode, DoorStatus } from '../../traffic/traffic.ts';

const errors = defineErrors({
  'door-unreachable': { disposition: 'retry', notLost: '', remedy: '' },
  'door-refused': { disposition: 'stop', notLost: '', remedy: '' },
});

export const doorAway = (region: string) =>
  errors.make('door-unreachable', `${region}'s door does not answer`);

/** A front door: its mode is on disk, and it refuses an older epoch or token than it has seen. */
export class ModelDoor implements Door {
  readonly region: string;
  #mode: DoorMode;
  #token = 0;
  #heldUntilMs = 0;
  /** The token that last asked for a hold, and whether that hold has been released. */
  #holder = { token: 0, epoch: 0, over: false };
  readonly #nowMs: () => number;
  readonly #told: (mode: DoorMode) => void;

  /** `told` is called with each new mode. */
  constructor(region: string, nowMs: () => number, told: (mode: DoorMode) => void) {
    this.region = region;
    this.#nowMs = nowMs;
    this.#told = told;
    this.#mode = { mode: 'serve', epoch: 1 };
  }

  get epoch(): number {
    return this.#mode.epoch;
  }

  /** Returns where a new request goes; `null`: it waits or is turned away. */
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
    const { epoch } = this.#mode;
    if (mode.epoch < epoch || (mode.epoch === epoch && token < this.#token)) {
      throw errors.make('door-refused', 'an older epoch or token than it has seen');
    }
    const { over, ...holder } = this.#holder;
    if (mode.mode !== 'hold') this.#holder.over = true;
    else if (over && holder.token === token && holder.epoch === mode.epoch) {
      throw errors.make('door-refused', 'a hold that is over');
    } else this.#holder = { token, epoch: mode.epoch, over: false };
    this.#token = token;
    this.#mode = mode;
    this.#told(mode);
    if (mode.mode === 'hold') this.#heldUntilMs = this.#nowMs() + mode.maxMs;
    return this.status();
  }

  /** Returns the mode in force; a hold expires by itself. */
  #current(): DoorMode {
    const { mode, epoch } = this.#mode;
    const over = mode === 'hold' && this.#nowMs() >= this.#heldUntilMs;
    return over ? { mode: 'serve', epoch } : this.#mode;
  }
}
