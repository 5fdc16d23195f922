import type { Token } from '@throwover/client';
import type { Random } from '../../kernel/kernel.ts';
import type { Write } from '../database/history-of-writes.ts';
import type { Server } from '../database/server.ts';
import { type Session, SqlError } from '../database/sql.ts';
import type { Common } from '../world/common.ts';
import { type Machine, SimProcess } from '../world/machine.ts';
import { type Address, type Network, request } from '../world/network.ts';
import type { ModelDoor } from './door.ts';
import type { ModelGateway } from './gateway.ts';

/** Longest time for one statement and its commit, ms. */
const statementMs = 3_000;

/** Share of the writes for which a token is taken, to read the write back later. */
const tokenShare = 0.25;

export interface Site {
  readonly name: string;
  readonly server: Server;
  readonly door: ModelDoor;
  readonly gateway: ModelGateway;
}

/** Returns a server as an address that can be called. */
export function databaseAt(server: Server): Address<Server> {
  return {
    place: server.machine.name,
    current: () => {
      const { process } = server;
      return process?.alive ? { process, service: server } : null;
    },
  };
}

export interface ClientOptions extends Pick<Common, 'random' | 'network'> {
  readonly machine: Machine;
  readonly sites: readonly Site[];
  /** The active region according to DNS. */
  readonly active: () => string;
  readonly nextKey: () => number;
  /** Called with a token, by which one can ask later whether a database has this write. */
  readonly onToken: (token: Token, write: Write) => void;
}

/**
 * An application that writes as fast as it may, keeps its session as a pool does, and turns to the
 * other region when one fails: sometimes by DNS and the doors, sometimes directly to a database.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #process: SimProcess;
  #session: { site: Site; session: Session } | null = null;
  /** Mean pause between two writes, ms. */
  readonly #pauseMs: number;

  constructor(number: number, pauseMs: number, options: ClientOptions) {
    this.#pauseMs = pauseMs;
    this.#options = options;
    this.#process = new SimProcess(`client ${number}`, options.machine);
  }

  async run(): Promise<void> {
    const { random } = this.#options;
    for (;;) {
      await this.#process.clock.sleep(this.#pauseMs * (0.3 + 1.4 * random.next()));
      await this.#write();
    }
  }

  /** Continues to write there, in a new session. */
  moveTo(site: Site): void {
    if (site.server.running) this.#session = { site, session: site.server.connect() };
  }

  async #write(): Promise<void> {
    const { nextKey, random } = this.#options;
    const key = nextKey();
    try {
      this.#session ??= await this.#connect();
      const { site, session } = this.#session;
      const { write } = await this.#ask(
        site,
        (server) => server.write(session, { key, event: null, tookMs: tookMs(random) }),
        new SqlError('08006', 'unknown'),
      );
      if (random.next() < tokenShare) await this.#takeToken(write, site, session);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      // A pool often keeps a session when only a statement was refused.
      if (error.state !== '57P03' || random.next() < 0.5) this.#session = null;
    }
  }

  /**
   * Takes a token in a separate statement after the commit: its position is an upper bound, because
   * others write in between.
   */
  async #takeToken(write: Write, site: Site, session: Session): Promise<void> {
    const position = await this.#ask(
      site,
      async (server) => {
        if (!session.open) throw new SqlError('57P01', 'no');
        return server.position();
      },
      new SqlError('08006', 'no'),
    );
    this.#options.onToken({ position, xid: String(write.xid) }, write);
  }

  async #connect(): Promise<{ site: Site; session: Session }> {
    const site = this.#choose();
    const away = new SqlError('08001', 'no');
    if (site === null) throw away;
    const deadlineMs = statementMs * (0.3 + this.#options.random.next());
    const session = await this.#ask(site, async (server) => server.connect(), away, deadlineMs);
    return { site, session };
  }

  #ask<T>(
    { server }: Site,
    work: (server: Server) => Promise<T>,
    away: SqlError,
    deadlineMs = statementMs,
  ): Promise<T> {
    return request(this.#options.network, this.#process, databaseAt(server), work, {
      ...{ deadlineMs, away: () => away, once: true },
    });
  }

  #choose(): Site | null {
    const { random, sites, active } = this.#options;
    if (random.next() < 0.5) return random.pick(sites);
    const door = sites.find(({ name }) => name === active())?.door;
    const target = door?.target() ?? null;
    return sites.find(({ name }) => name === target) ?? null;
  }
}

/** Returns the length of a transaction: usually milliseconds, sometimes long. */
function tookMs(random: Random): number {
  return random.next() < 0.03 ? 400 * random.next() : 1 + 12 * random.next();
}

/**
 * Returns the application behind a gateway: it stores the event's effect and its id in one
 * transaction, once.
 */
export function deliverTo(options: {
  network: Network;
  random: Random;
  process: SimProcess;
  sites: readonly Site[];
  nextKey: () => number;
}): (region: string, event: string) => Promise<string> {
  const { network, random, process, sites, nextKey } = options;
  return async (region, event) => {
    const site = sites.find(({ name }) => name === region);
    if (site === undefined) throw new SqlError('08001', 'no');
    const { position } = await request(
      network,
      process,
      databaseAt(site.server),
      async (server) => {
        const session = server.connect();
        try {
          return await server.write(session, { key: nextKey(), event, tookMs: tookMs(random) });
        } finally {
          server.endSession(session);
        }
      },
      { deadlineMs: statementMs, away: () => new SqlError('08006', 'unknown'), once: true },
    );
    return position;
  };
}
