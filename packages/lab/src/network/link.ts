import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { Clock, Endpoint } from 'throwover/kernel';
import { z } from 'zod';
import { endpoint } from '../schemas.ts';

/**
 * none: everything passes. both: a black hole. to-target, from-target: a black hole in one
 * direction. Bytes on their way wait and pass when the link is restored, as if TCP had sent them
 * again.
 */
export const cuts = ['none', 'both', 'to-target', 'from-target'] as const;

export const linkConfig = z.strictObject({
  name: z.string().min(1),
  listen: endpoint,
  target: endpoint,
  /** One way, ms; the same in both directions. */
  latencyMs: z.number().nonnegative().max(60_000).default(0),
  /** For each direction, shared by all connections; null: as fast as the machine. */
  bandwidthBytesPerSecond: z.number().positive().nullable().default(null),
  cut: z.enum(cuts).default('none'),
});
export type LinkConfig = z.infer<typeof linkConfig>;
export type LinkChange = Partial<Pick<LinkConfig, 'latencyMs' | 'bandwidthBytesPerSecond' | 'cut'>>;

type Way = 'to-target' | 'from-target';

/**
 * Most bytes on their way in one direction of one connection before its source has to wait: a TCP
 * window of a long link.
 */
const windowBytes = 4 * 1024 * 1024;

/**
 * Most connections at once on one link: above it new ones are closed, so that a flood does not stop
 * the lab.
 */
const maxConnections = 2_000;

/**
 * A TCP link between two addresses, with latency, bandwidth and cuts that can change during use.
 */
export class Link {
  #config: LinkConfig;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  /** When each direction of the line has sent all bytes that were given to it, ms. */
  readonly #lineFreeAtMs: Record<Way, number> = { 'to-target': 0, 'from-target': 0 };
  /** Resolvers of callers that wait for the link to change. */
  #waiting: (() => void)[] = [];

  constructor(config: LinkConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  get state() {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const listen = { ...this.#config.listen, port };
    return { ...this.#config, listen, connections: this.#connections.size };
  }

  listen(): Promise<void> {
    const { host, port } = this.#config.listen;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => resolve());
    });
  }

  change(change: LinkChange): void {
    this.#config = { ...this.#config, ...change };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    this.change({});
    await closed;
  }

  passes(way: Way): boolean {
    return this.#config.cut === 'none' || (this.#config.cut !== 'both' && this.#config.cut !== way);
  }

  /** Returns true when bytes may pass without delay. */
  isPlain(way: Way): boolean {
    return (
      this.passes(way) &&
      this.#config.latencyMs === 0 &&
      this.#config.bandwidthBytesPerSecond === null
    );
  }

  untilChanged(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Returns when bytes that leave now arrive at the other end, ms. */
  arrivalMs(way: Way, bytes: number): number {
    const { latencyMs, bandwidthBytesPerSecond } = this.#config;
    const now = this.#clock.monotonicMs();
    if (bandwidthBytesPerSecond === null) return now + latencyMs;
    const begins = Math.max(now, this.#lineFreeAtMs[way]);
    this.#lineFreeAtMs[way] = begins + (bytes / bandwidthBytesPerSecond) * 1000;
    return this.#lineFreeAtMs[way] + latencyMs;
  }

  get roundTripMs(): number {
    return 2 * this.#config.latencyMs;
  }

  #accept(near: Socket): void {
    if (this.#connections.size >= maxConnections) {
      near.destroy();
      return;
    }
    const connection = new Connection(near, this.#config.target, this, this.#clock);
    this.#connections.add(connection);
    near.once('close', () => this.#connections.delete(connection));
  }
}

/**
 * One connection over a link. The kernel has already answered the handshake, so the round trip of a
 * handshake over a long link is added before the first bytes.
 */
class Connection {
  readonly #near: Socket;
  #far: Socket | null = null;

  constructor(near: Socket, target: Endpoint, link: Link, clock: Clock) {
    this.#near = near;
    near.on('error', () => this.#reset());
    // Nothing is read before the other end is reached.
    near.pause();
    void this.#open(target, link, clock);
  }

  destroy(): void {
    this.#near.destroy();
    this.#far?.destroy();
  }

  /**
   * A broken end breaks the other: bytes on their way are lost, as with a reset. A clean end
   * travels in order.
   */
  #reset(): void {
    this.#near.resetAndDestroy();
    this.#far?.resetAndDestroy();
  }

  async #open(target: Endpoint, link: Link, clock: Clock): Promise<void> {
    if (link.roundTripMs > 0) await clock.sleep(link.roundTripMs);
    while (!(link.passes('to-target') && link.passes('from-target'))) {
      await link.untilChanged();
      if (this.#near.destroyed) return;
    }
    if (this.#near.destroyed) return;
    const far = dial({ ...target, allowHalfOpen: true, noDelay: true });
    this.#far = far;
    far.on('error', () => this.#reset());
    pass(this.#near, far, { way: 'to-target', link, clock });
    pass(far, this.#near, { way: 'from-target', link, clock });
  }
}

interface Item {
  readonly atMs: number;
  /** null: the source has ended its stream. */
  readonly chunk: Buffer | null;
}

/** A timer may fire a millisecond early; delayed bytes never arrive before their time. */
async function until(atMs: number, clock: Clock): Promise<void> {
  for (let wait = atMs - clock.monotonicMs(); wait > 0; wait = atMs - clock.monotonicMs()) {
    await clock.sleep(wait);
  }
}

/** Carries one direction, in order. */
function pass(
  from: Socket,
  to: Socket,
  { way, link, clock }: { way: Way; link: Link; clock: Clock },
): void {
  const queue: Item[] = [];
  let queued = 0;
  let carrying = false;

  const write = (chunk: Buffer) => {
    if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => queued < windowBytes && from.resume());
    }
  };
  const carry = async () => {
    carrying = true;
    for (let item = queue[0]; item !== undefined && !to.destroyed; item = queue[0]) {
      await until(item.atMs, clock);
      while (!link.passes(way) && !to.destroyed) await link.untilChanged();
      if (to.destroyed) break;
      queue.shift();
      if (item.chunk === null) to.end();
      else {
        queued -= item.chunk.length;
        write(item.chunk);
        if (queued < windowBytes && !to.writableNeedDrain) from.resume();
      }
    }
    carrying = false;
  };
  const give = (chunk: Buffer | null) => {
    const bytes = chunk?.length ?? 0;
    if (queue.length === 0 && link.isPlain(way)) {
      if (chunk === null) to.end();
      else write(chunk);
      return;
    }
    queue.push({ atMs: link.arrivalMs(way, bytes), chunk });
    queued += bytes;
    if (queued >= windowBytes) from.pause();
    if (!carrying) void carry();
  };

  from.on('data', give);
  from.once('end', () => give(null));
  from.resume();
}
