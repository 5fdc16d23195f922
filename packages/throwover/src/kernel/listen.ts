import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, BlockList, isIP, type Server } from 'node:net';
import type { Clock } from './clock.ts';

/** Where a server listens, or shall listen. Port 0 takes a free one. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What only this machine itself reaches. */
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine itself reaches an address; a host name is not looked up. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === 'localhost';
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Longest time for the head of a request, ms, and how often that is checked. */
const headPatienceMs = 10_000;
const patienceCheckMs = 2_000;

/** Longest time for a whole request, with its body, ms. Its answer may take longer. */
const requestPatienceMs = 30_000;

/**
 * Bounds the connections of a server. When there are too many, the idle ones are closed for the next
 * who comes: strangers could keep them for nothing.
 */
export function atMost<S extends HttpServer>(server: S, connections: number): S {
  server.maxConnections = connections;
  server.on('drop', () => server.closeIdleConnections());
  return server;
}

/**
 * Options of throwover's HTTP servers, without the doors' ports for clients: a connection that does
 * not send its request in time is closed, so that strangers cannot keep connections for nothing.
 */
export function impatience(patienceMs = headPatienceMs) {
  return {
    headersTimeout: patienceMs,
    requestTimeout: Math.max(patienceMs, requestPatienceMs),
    connectionsCheckingInterval: Math.min(patienceMs, patienceCheckMs),
  };
}

/** Returns a base URL without a slash at its end; an IPv6 address gets its brackets. */
export function urlOf({ host, port }: Endpoint, scheme = 'http'): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Why a server cannot listen. */
interface NotListening {
  readonly message: string;
  /** Another process has the port. */
  readonly taken: boolean;
  /** The error of the operating system. */
  readonly cause: NodeJS.ErrnoException;
}

/**
 * Listens, and returns where. Rejects with the error that `refused` makes of the operating system's;
 * default: that one.
 */
export function listenAt(
  server: Server,
  { host, port }: Endpoint,
  refused: (not: NotListening) => Error = ({ cause }) => cause,
): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const at = `${host}:${port}`;
      const message = taken ? `${at} is taken` : `cannot listen on ${at}: ${cause.message}`;
      reject(refused({ message, taken, cause }));
    };
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      resolve({ host, port: (server.address() as AddressInfo).port });
    });
  });
}

/**
 * Ends a server: it takes no new connections, and requests in flight may end. What has not ended
 * after the grace period is cut; its sender gets no answer.
 */
export async function closeServer(
  server: Server & Partial<Pick<HttpServer, 'closeIdleConnections' | 'closeAllConnections'>>,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  const patience = new AbortController();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections?.();
  const cut = clock.sleep(graceMs, patience.signal).then(
    () => server.closeAllConnections?.(),
    () => {},
  );
  await closed;
  patience.abort();
  await cut;
}
