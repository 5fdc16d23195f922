import { type Clock, isoTime } from 'throwover/kernel';
import type { Instance } from './instance.ts';

/**
 * Number of failed starts in a row after which the configuration is FAILED: a single failure can be
 * an accident of the machine.
 */
const startsBeforeFailed = 3;

export type ProvisionedConfig = ReturnType<Provisioned['config']>;

interface ProvisionedOptions {
  readonly qualifier: string;
  readonly requested: number;
  readonly atOnce: number;
  readonly clock: Clock;
  readonly start: () => Instance;
  readonly onReady: (instance: Instance) => void;
}

/**
 * Warm capacity of one alias or version: keeps `requested` instances running until it is closed,
 * with at most `atOnce` starting at the same time. IN_PROGRESS until all are really ready (handler
 * loaded and its top-level code run), FAILED after `startsBeforeFailed` failed starts in a row; a
 * dead instance is replaced.
 */
export class Provisioned {
  readonly qualifier: string;
  readonly instances = new Set<Instance>();
  #requested: number;
  #failedStarts = 0;
  #reason: string | null = null;
  #modifiedMs: number;
  #closed = false;
  readonly #options: ProvisionedOptions;

  constructor(options: ProvisionedOptions) {
    this.#options = options;
    this.qualifier = options.qualifier;
    this.#requested = options.requested;
    this.#modifiedMs = options.clock.wallMs();
    this.#fill();
  }

  get requested(): number {
    return this.#requested;
  }

  config() {
    const available = [...this.instances].filter(isUp).length;
    const failed = this.#failedStarts >= startsBeforeFailed;
    return {
      qualifier: this.qualifier,
      requested: this.#requested,
      available,
      status: failed ? 'FAILED' : available >= this.#requested ? 'READY' : 'IN_PROGRESS',
      reason: failed ? this.#reason : null,
      lastModified: isoTime(this.#modifiedMs),
    };
  }

  /** Sets a new number, or the same one again after a failure. */
  resize(requested: number): void {
    this.#requested = requested;
    this.#modifiedMs = this.#options.clock.wallMs();
    this.#failedStarts = 0;
    this.#reason = null;
    const surplus = this.instances.size - requested;
    // Surplus instances that are starting or idle end now; a busy one finishes first and ends in
    // `keeps`.
    const spare = [...this.instances].filter((instance) => !inUse(instance));
    for (const instance of spare.slice(0, Math.max(0, surplus))) instance.end();
    this.#fill();
  }

  /**
   * Called when one of its instances is idle; ends it and returns false when it is no longer
   * needed.
   */
  keeps(instance: Instance): boolean {
    const wanted =
      !this.#closed && this.instances.has(instance) && this.instances.size <= this.#requested;
    if (!wanted) instance.end();
    return wanted;
  }

  /** Called when one of its instances is gone. */
  died(instance: Instance): void {
    this.instances.delete(instance);
    this.#fill();
  }

  close(): void {
    this.#closed = true;
    for (const instance of this.instances) if (!inUse(instance)) instance.end();
  }

  #fill(): void {
    const starting = () => [...this.instances].filter((i) => i.state === 'starting').length;
    while (
      !this.#closed &&
      this.#failedStarts < startsBeforeFailed &&
      this.instances.size < this.#requested &&
      starting() < this.#options.atOnce
    ) {
      this.#watch(this.#options.start());
    }
  }

  async #watch(instance: Instance): Promise<void> {
    this.instances.add(instance);
    const error = await instance.started;
    if (error === null) {
      this.#failedStarts = 0;
      this.#fill();
      this.#options.onReady(instance);
    } else if (!instance.told) {
      this.#failedStarts += 1;
      this.#reason = `FUNCTION_ERROR_INIT_FAILURE: ${error.errorType}: ${error.errorMessage}`;
    }
  }
}

function isUp(instance: Instance): boolean {
  return instance.state === 'idle' || inUse(instance);
}

function inUse(instance: Instance): boolean {
  return instance.state === 'busy' || instance.state === 'claimed';
}
