import pg from 'pg';
import { type Endpoint, systemClock } from 'throwover/kernel';
import { applicationRole, connectTo } from '../packages/lab/src/postgres/postgres.ts';

/**
 * Longest time for one write, ms; after it the outcome counts as unknown and its connection is
 * dropped.
 */
const writeTimeoutMs = 2_000;

const login = { user: applicationRole, timeoutMs: writeTimeoutMs };

/** Writes one order; its idempotency key is the statement's only value. */
export const insertOrder = `INSERT INTO orders (idempotency_key, amount, currency, status, region)
  VALUES ($1, 100, 'eur', 'accepted', 'bench')`;

/** An acknowledged write; times are from the writer's own monotonic clock. */
export interface Acknowledged {
  readonly key: string;
  readonly side: number;
  readonly atMs: number;
}

/**
 * Starts one application writer that follows the primary. It writes an order each `paceMs`, to the
 * side that took the last one, and to the other side after a failure. It keeps a connection to each
 * side, as a pool would.
 */
export function startFollowingWriter(options: {
  readonly sides: readonly [Endpoint, Endpoint];
  readonly paceMs: number;
  /** Prefix of every idempotency key, so that keys of different runs do not collide. */
  readonly prefix: string;
}) {
  const { sides, paceMs, prefix } = options;
  const pools = sides.map((side) => new KeptConnection(side));
  const acknowledged: Acknowledged[] = [];
  const stopping = new AbortController();

  const running = (async () => {
    let side = 0;
    for (let number = 1; !stopping.signal.aborted; number++) {
      const begun = systemClock.monotonicMs();
      const key = `${prefix}-${number}`;
      if (await pools[side]?.write(key)) {
        acknowledged.push({ key, side, atMs: systemClock.monotonicMs() });
      } else {
        side = 1 - side;
      }
      await systemClock.sleep(Math.max(0, paceMs - (systemClock.monotonicMs() - begun)));
    }
  })();

  return {
    acknowledged,
    stop: async () => {
      stopping.abort();
      await running;
      await Promise.all(pools.map((pool) => pool.close()));
    },
  };
}

/** Returns the longest time without an acknowledged write, ms. */
export function writeGapMs(acknowledged: readonly Acknowledged[]): number {
  let gap = 0;
  acknowledged.forEach((write, index) => {
    const before = acknowledged[index - 1];
    if (before !== undefined) gap = Math.max(gap, write.atMs - before.atMs);
  });
  return gap;
}

class KeptConnection {
  readonly #side: Endpoint;
  #client: pg.Client | null = null;
  #connecting: Promise<void> | null = null;
  #closed = false;

  constructor(side: Endpoint) {
    this.#side = side;
    this.#connect();
  }

  async write(key: string): Promise<boolean> {
    const client = this.#client;
    if (client === null) {
      this.#connect();
      return false;
    }
    try {
      await client.query(insertOrder, [key]);
      return true;
    } catch (error) {
      // A standby refuses (25006) and keeps the connection; every other error ends it.
      if (!(error instanceof pg.DatabaseError) || error.code !== '25006') this.#drop(client);
      return false;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connecting;
    await this.#client?.end().catch(() => {});
  }

  /** Connects in the background: a side that refuses us must not keep us from the other one. */
  #connect(): void {
    if (this.#closed) return;
    this.#connecting ??= (async () => {
      try {
        const client = await connectTo(this.#side, login);
        client.on('error', () => this.#drop(client));
        this.#client = client;
      } catch {
        await systemClock.sleep(5);
      }
      this.#connecting = null;
    })();
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
    client.end().catch(() => {});
  }
}
