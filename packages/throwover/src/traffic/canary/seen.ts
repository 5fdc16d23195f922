import type { Clock } from '../../kernel/kernel.ts';
import type { Sighting } from './calls.ts';
import { generationOf } from './stamp.ts';

/** How long a beacon's resolver is remembered, ms: a client reports its beacon within seconds. */
const keptMs = 600_000;

/** Most names that are remembered: ten minutes of 160 beacons per second. */
const maxNames = 100_000;

/**
 * The resolvers that asked for each nonce, with the first sighting of each nonce, for ten minutes.
 */
export class SeenLog {
  readonly #clock: Clock;
  readonly #sightings = new Map<string, Sighting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  see(nonce: string, resolver: string): void {
    if (this.#sightings.has(nonce)) return;
    const wallMs = this.#clock.wallMs();
    this.#sightings.set(nonce, { nonce, resolver, wallMs, generation: generationOf(wallMs) });
    const [oldest] = this.#sightings.keys();
    if (this.#sightings.size > maxNames && oldest !== undefined) this.#sightings.delete(oldest);
  }

  get(nonce: string): Sighting | null {
    this.#forget();
    return this.#sightings.get(nonce.toLowerCase()) ?? null;
  }

  /** Oldest first. */
  since(wallMs: number, limit: number): readonly Sighting[] {
    this.#forget();
    const found: Sighting[] = [];
    for (const sighting of this.#sightings.values()) {
      if (sighting.wallMs < wallMs) continue;
      found.push(sighting);
      if (found.length === limit) break;
    }
    return found;
  }

  #forget(): void {
    const before = this.#clock.wallMs() - keptMs;
    for (const [nonce, { wallMs }] of this.#sightings) {
      if (wallMs >= before) break;
      this.#sightings.delete(nonce);
    }
  }
}
