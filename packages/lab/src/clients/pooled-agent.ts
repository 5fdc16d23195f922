import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from 'throwover/kernel';

/**
 * A connection pool like those of applications: connections stay open between requests, until the
 * server closes them or they reach a maximum age, counted from the first answer. While one is open,
 * no name is looked up.
 */
export class PooledAgent extends Agent {
  readonly #maxLifeMs: number;
  readonly #clock: Clock;
  readonly #openSinceMs = new WeakMap<Duplex, number>();

  constructor(maxLifeMs: number, clock: Clock) {
    super({ keepAlive: true, scheduling: 'lifo' });
    this.#maxLifeMs = maxLifeMs;
    this.#clock = clock;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const now = this.#clock.monotonicMs();
    const since = this.#openSinceMs.get(socket) ?? now;
    this.#openSinceMs.set(socket, since);
    // Agent's own declaration says void, but it returns whether the socket may stay.
    return now - since < this.#maxLifeMs && (super.keepSocketAlive(socket) as unknown as boolean);
  }
}
