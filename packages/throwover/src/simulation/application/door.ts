import type { Door, DoorMode, DoorStatus } from '../../traffic/traffic.ts';
import { modelErrors } from '../model-errors.ts';

/** The mode that holds until the next command, on the door's disk. */
type LastingMode = Extract<DoorMode, { mode: 'serve' | 'forward' }>;
type TimedMode = Exclude<DoorMode, LastingMode>;

const lasts = (mode: DoorMode): mode is LastingMode =>
  mode.mode === 'serve' || mode.mode === 'forward';

/**
 * A front door: its lasting mode is on disk, and it refuses an older epoch or token than it has
 * seen. A hold, a cut and a share are in memory, and end by themselves.
 */
export class ModelDoor implements Door {
  readonly region: string;
  #lasting: LastingMode = { mode: 'serve', epoch: 1 };
  #timed: { readonly mode: TimedMode; readonly untilMs: number } | null = null;
  #seen = { epoch: 1, token: 0 };
  /** The token that last asked for a hold, and whether that hold has been released. */
  #holder = { token: 0, epoch: 0, over: false };
  readonly #nowMs: () => number;
  readonly #told: (mode: DoorMode) => void;

  /** `told` is called with each new mode. */
  constructor(region: string, nowMs: () => number, told: (mode: DoorMode) => void) {
    this.region = region;
    this.#nowMs = nowMs;
    this.#told = told;
  }

  /** The newest epoch that it has seen. */
  get epoch(): number {
    return this.#seen.epoch;
  }

  /** Called after its machine was started again. */
  restart(): void {
    this.#timed = null;
    this.#holder = { token: 0, epoch: 0, over: false };
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
    const { epoch } = mode;
    const seen = this.#seen;
    if (epoch < seen.epoch || (epoch === seen.epoch && token < seen.token)) {
      throw modelErrors.make('door-refused', 'an older epoch or token than it has seen');
    }
    if (mode.mode === 'hold') {
      const { over, ...holder } = this.#holder;
      if (over && holder.token === token && holder.epoch === epoch) {
        throw modelErrors.make('door-refused', 'a hold that is over');
      }
      this.#holder = { token, epoch, over: false };
    }
    this.#seen = { epoch, token };
    if (lasts(mode)) {
      this.#lasting = mode;
      this.#timed = null;
      this.#holder.over = true;
    } else this.#timed = { mode, untilMs: this.#nowMs() + mode.maxMs };
    this.#told(mode);
    return this.status();
  }

  /** Returns the mode in force. */
  #current(): DoorMode {
    const timed = this.#timed;
    if (timed === null) return this.#lasting;
    if (this.#nowMs() < timed.untilMs) return timed.mode;
    return this.#lasting.mode === 'forward'
      ? this.#lasting
      : { mode: 'serve', epoch: timed.mode.epoch };
  }
}
