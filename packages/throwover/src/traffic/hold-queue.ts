import type { ServerResponse } from 'node:http';

/**
 * Most requests that may wait at a door: about 2 s of 1,000 requests/s; each holds a socket and its
 * headers.
 */
const maxHeld = 2_000;

/**
 * Waiting requests in the order of their arrival. A request whose client has gone leaves the queue.
 */
export class HoldQueue<Held extends { readonly res: ServerResponse }> {
  readonly #held = new Map<ServerResponse, { held: Held; leave: () => void }>();

  get size(): number {
    return this.#held.size;
  }

  /**
   * Returns false when the queue is full. The body is not read: the socket holds the client back.
   */
  add(held: Held): boolean {
    if (this.#held.size >= maxHeld) return false;
    const leave = () => this.#held.delete(held.res);
    this.#held.set(held.res, { held, leave });
    held.res.once('close', leave);
    return true;
  }

  /** Returns the request that has waited longest; `undefined` if none waits. */
  take(): Held | undefined {
    const [first] = this.#held.values();
    if (first === undefined) return undefined;
    this.#held.delete(first.held.res);
    first.held.res.off('close', first.leave);
    return first.held;
  }

  takeAll(): readonly Held[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const { held, leave } of all) held.res.off('close', leave);
    return all.map(({ held }) => held);
  }
}
