import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:net';
import type { Clock } from '../../kernel/kernel.ts';
import { Histogram } from './histogram.ts';
import type { ConnectionsReport } from './wire.ts';

/** Most ages in a report. */
const maxAges = 200;

/**
 * Width of the window in which the ages of requests' connections are counted, ms; a report covers
 * one to two windows.
 */
const windowMs = 60_000;

/**
 * The opening time of each connection: from the server's own event if the server is watched,
 * otherwise from the first request. A connection is a socket, or an HTTP/2 session.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #openedMs = new Map<object, number>();
  #current = new Histogram();
  #before = new Histogram();
  #turnedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turnedMs = clock.monotonicMs();
  }

  watch(server: Server): void {
    const open = (connection: Closes) => this.#open(connection);
    server.on('connection', open);
    // Over TLS the first of the two is the socket below; requests arrive on the second.
    server.on('secureConnection', open);
    server.on('session', open);
  }

  /** Counts a request and returns the monotonic ms at which its connection was opened. */
  request(req: IncomingMessage): number {
    const now = this.#clock.monotonicMs();
    const openedMs = this.#open(connectionOf(req));
    this.#turn(now);
    this.#current.add(now - openedMs);
    return openedMs;
  }

  report(olderThanMs: number): ConnectionsReport {
    const now = this.#clock.monotonicMs();
    this.#turn(now);
    const requests = this.#current.count + this.#before.count;
    const old = this.#current.above(olderThanMs) + this.#before.above(olderThanMs);
    return {
      atWallMs: this.#clock.wallMs(),
      open: this.#openedMs.size,
      agesMs: spaced(
        [...this.#openedMs.values()].map((openedMs) => now - openedMs).sort((a, b) => a - b),
      ),
      requests,
      requestsOnOldShare: requests === 0 ? null : old / requests,
    };
  }

  #open(connection: Closes): number {
    const known = this.#openedMs.get(connection);
    if (known !== undefined) return known;
    const now = this.#clock.monotonicMs();
    this.#openedMs.set(connection, now);
    connection.once('close', () => this.#openedMs.delete(connection));
    return now;
  }

  #turn(now: number): void {
    if (now - this.#turnedMs < windowMs) return;
    const long = now - this.#turnedMs >= 2 * windowMs;
    this.#before = long ? new Histogram() : this.#current;
    this.#current = new Histogram();
    this.#turnedMs = now;
  }
}

interface Closes {
  once(event: 'close', listener: () => void): unknown;
}

function connectionOf(req: IncomingMessage): Closes {
  if (req.httpVersionMajor < 2) return req.socket;
  const { stream } = req as IncomingMessage & { stream?: { session?: Closes } };
  return stream?.session ?? req.socket;
}

function spaced(sorted: readonly number[]): readonly number[] {
  if (sorted.length <= maxAges) return sorted;
  const step = (sorted.length - 1) / (maxAges - 1);
  return Array.from({ length: maxAges }, (_, i) => sorted[Math.round(i * step)] ?? 0);
}
