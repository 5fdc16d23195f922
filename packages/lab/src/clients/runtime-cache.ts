import type { Clock } from 'throwover/kernel';

/** A runtime that keeps an address by itself and takes no notice of its TTL, as a JVM or a gethostbyname of old. */
export class RuntimeCache {
  readonly #keepMs: number;
  readonly #clock: Clock;
  #kept: { readonly address: string; readonly sinceMs: number } | null = null;

  constructor(keepMs: number, clock: Clock) {
    this.#keepMs = keepMs;
    this.#clock = clock;
  }

  /** `null`: it must ask. */
  address(): string | null {
    if (this.#kept === null) return null;
    const { address, sinceMs } = this.#kept;
    return this.#clock.monotonicMs() - sinceMs < this.#keepMs ? address : null;
  }

  keep(address: string): void {
    this.#kept = { address, sinceMs: this.#clock.monotonicMs() };
  }
}
