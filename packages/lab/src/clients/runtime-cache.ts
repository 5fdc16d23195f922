import type { Clock } from 'throwover/kernel';

/** A runtime that caches an address and ignores its TTL, like a JVM or an old gethostbyname. */
export class RuntimeCache {
  readonly #keepMs: number;
  readonly #clock: Clock;
  #kept: { readonly address: string; readonly sinceMs: number } | null = null;

  constructor(keepMs: number, clock: Clock) {
    this.#keepMs = keepMs;
    this.#clock = clock;
  }

  /** Returns the cached address; `null` when it must ask. */
  address(): string | null {
    if (this.#kept === null) return null;
    const { address, sinceMs } = this.#kept;
    return this.#clock.monotonicMs() - sinceMs < this.#keepMs ? address : null;
  }

  keep(address: string): void {
    this.#kept = { address, sinceMs: this.#clock.monotonicMs() };
  }
}
