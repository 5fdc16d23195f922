import { type Clock, within } from '../clock.ts';
import { ClientError, EpochHidden, HoldFull, NoWriter } from '../errors.ts';
import type { Queryable } from '../sql.ts';
import { saysAway, sqlState } from '../sqlstate.ts';
import { epochIn, type Known, readStanding, refusalOf } from './standing.ts';

/** The database client that a writer needs; a connected `pg` Client fits. */
export interface WriterClient extends Queryable {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(
    event: 'notification',
    listener: (notice: { channel: string; payload?: string | undefined }) => void,
  ): unknown;
  end(): Promise<void>;
}

/** Whether a client that was just connected may be written to now. */
export type Accept<C> = (client: C) => Promise<boolean>;

/** A connection to the current writer, as it was when it was opened. */
export interface Connection<C> {
  readonly client: C;
  readonly epoch: bigint;
  readonly timeline: number;
  readonly incarnation: string;
}

/** First and longest pause between two attempts to find a writer, ms: a planned switch takes some 100 ms. */
const firstPauseMs = 5;
const longestPauseMs = 100;
const pauseGrowth = 1.6;

interface PoolOptions<C> {
  readonly open: (accept: Accept<C>) => Promise<C>;
  readonly discard: (client: C) => void;
  readonly size: number;
  readonly queueLimit: number;
  readonly openMs: number;
  readonly clock: Clock;
  readonly onAway: (cause: unknown) => void;
  readonly onWriter: (writer: { readonly epoch: bigint; readonly timeline: number }) => void;
}

interface Waiter<C> {
  readonly resolve: (connection: Connection<C>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Connections to the current writer, and the queue of callers that wait for one.
 *
 * While no writer is found (`away`), one attempt at a time is made for all waiting callers. The
 * pool never returns to an older epoch: connections of an older epoch are ended, new ones are
 * refused.
 */
export class Pool<C extends WriterClient> {
  readonly #options: PoolOptions<C>;
  readonly #connections = new Set<Connection<C>>();
  readonly #idle: Connection<C>[] = [];
  readonly #retired = new WeakSet<Connection<C>>();
  #waiters: Waiter<C>[] = [];
  #opening = 0;
  #away = false;
  #pauseMs = firstPauseMs;
  #lastFailure: unknown = null;
  #known: Known | null = null;
  #closed = false;

  constructor(options: PoolOptions<C>) {
    this.#options = options;
  }

  /** The newest epoch seen; `null` before the first connection. */
  get epoch(): bigint | null {
    return this.#known?.epoch ?? null;
  }

  /**
   * Returns a connection of the current epoch within `ms`; throws `NoWriter` otherwise. Urgent
   * callers go first and never count against the queue limit.
   */
  async acquire(ms: number, urgent = false): Promise<Connection<C>> {
    if (this.#closed) throw new NoWriter('this writer is closed');
    const { queueLimit, clock } = this.#options;
    if (!urgent && this.#waiters.length >= queueLimit) throw new HoldFull(queueLimit);
    let waiter: Waiter<C> | null = null;
    const connection = new Promise<Connection<C>>((resolve, reject) => {
      waiter = { resolve, reject };
      if (urgent) this.#waiters.unshift(waiter);
      else this.#waiters.push(waiter);
    });
    this.#pump();
    const got = await within(clock, ms, connection);
    if (got !== 'late') return got;
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
    // The connection may have arrived in the same moment.
    connection.then((late) => this.release(late)).catch(() => {});
    throw new NoWriter(`no writer within ${Math.round(ms)} ms`, this.#lastFailure ?? undefined);
  }

  /** Gives a healthy connection back after its transaction has ended. */
  release(connection: Connection<C>): void {
    if (!this.#connections.has(connection)) return;
    if (this.#closed || this.#retired.has(connection)) {
      this.drop(connection);
      return;
    }
    this.#idle.push(connection);
    this.#pump();
  }

  /**
   * Ends the connection at once, even inside a transaction: a server that sees it close rolls back.
   */
  drop(connection: Connection<C>): void {
    if (!this.#connections.delete(connection)) return;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#options.discard(connection.client);
    this.#pump();
  }

  /**
   * Whether a newer epoch was seen since the connection was opened: it may commit nothing any more.
   */
  isOutdated(connection: Connection<C>): boolean {
    return this.#known !== null && connection.epoch < this.#known.epoch;
  }

  noticeEpoch(epoch: bigint): void {
    if (this.#known !== null && epoch <= this.#known.epoch) return;
    this.#known = { epoch, timeline: null };
    for (const connection of [...this.#connections]) {
      if (this.isOutdated(connection)) this.drop(connection);
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#idle]) this.drop(connection);
    for (const { reject } of this.#waiters.splice(0)) reject(new NoWriter('this writer is closed'));
  }

  #pump(): void {
    while (this.#waiters.length > 0) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      this.#waiters.shift()?.resolve(connection);
    }
    const wanted = this.#waiters.length - this.#opening;
    const room = this.#options.size - this.#connections.size - this.#opening;
    const allowed = this.#away ? 1 - this.#opening : room;
    for (let n = Math.min(wanted, room, allowed); n > 0; n--) void this.#open();
  }

  async #open(): Promise<void> {
    this.#opening++;
    try {
      const connection = await this.#connect();
      this.#away = false;
      this.#pauseMs = firstPauseMs;
      this.#connections.add(connection);
      this.#opening--;
      this.release(connection);
    } catch (error) {
      await this.#failed(error);
      this.#opening--;
      this.#pump();
    }
  }

  /**
   * Pauses before the next search for a writer; an error that waiting cannot cure goes to every
   * waiting caller.
   */
  async #failed(error: unknown): Promise<void> {
    this.#lastFailure = error;
    if (!this.#mends(error)) {
      for (const { reject } of this.#waiters.splice(0)) reject(error);
      return;
    }
    if (!this.#away) this.#options.onAway(error);
    this.#away = true;
    await this.#options.clock.sleep(this.#pauseMs);
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * pauseGrowth);
  }

  #mends(error: unknown): boolean {
    if (!(error instanceof ClientError)) return saysAway(error) || sqlState(error) === null;
    // The table was readable before, so it is only being created again.
    const made = error.code === 'epoch-hidden' && this.#known !== null;
    return made || error.code === 'no-writer';
  }

  async #connect(): Promise<Connection<C>> {
    const { open, openMs, clock, discard } = this.#options;
    const admitted = new Map<C, Connection<C>>();
    const accept = async (client: C) => {
      const connection = await this.#admit(client);
      if (connection !== null) admitted.set(client, connection);
      return connection !== null;
    };
    const opening = open(accept);
    const client = await within(clock, openMs, opening);
    if (client === 'late') {
      opening.then(discard).catch(() => {});
      throw new NoWriter(`no connection within ${openMs} ms`);
    }
    try {
      const connection = admitted.get(client) ?? (await this.#admit(client));
      if (connection === null || this.#closed) throw new NoWriter('that is not the current writer');
      return this.#watched(connection);
    } catch (error) {
      discard(client);
      throw error;
    }
  }

  async #admit(client: C): Promise<Connection<C> | null> {
    // Without a listener, a connection that breaks would end the process.
    client.on('error', () => {});
    const standing = await readStanding(client);
    const refusal = refusalOf(this.#known, standing);
    if (refusal === 'hidden') throw new EpochHidden();
    if (refusal !== null) return null;
    const { epoch, timeline, incarnation } = standing;
    return { client, epoch, timeline, incarnation };
  }

  #watched(connection: Connection<C>): Connection<C> {
    const { client, epoch, timeline } = connection;
    this.noticeEpoch(epoch);
    if (this.#known?.timeline !== timeline) {
      this.#known = { epoch, timeline };
      this.#options.onWriter({ epoch, timeline });
    }
    client.on('error', () => this.drop(connection));
    client.on('end', () => this.drop(connection));
    client.on('notification', (notice) => {
      const told = epochIn(notice);
      if (told === 'look') this.#retire();
      else if (told !== null) this.noticeEpoch(told);
    });
    return connection;
  }

  /**
   * Something about the writer changed: each connection may finish its transaction and is not used
   * again.
   */
  #retire(): void {
    for (const connection of this.#connections) this.#retired.add(connection);
    for (const connection of [...this.#idle]) this.drop(connection);
  }
}
