import type { Server } from 'node:http';
import { createServer } from 'node:https';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Machine } from '../access/machine.ts';
import { atMost, type Endpoint, impatience, isLoopback } from '../kernel/kernel.ts';
import { wireErrors } from './errors.ts';

/** Most connections at once; a service has some ten processes that keep some each. */
const maxConnections = 512;

/**
 * The server of a process's own calls; with TLS, if the machine has a certificate. `patienceMs`:
 * longest time for the handshake, and for the head of a request, ms.
 */
export function controlServer(
  { fetch }: Pick<Hono, 'fetch'>,
  {
    patienceMs,
    machine = null,
  }: { readonly patienceMs?: number; readonly machine?: Machine | null } = {},
): Server {
  const patience = impatience(patienceMs);
  const { headersTimeout: handshakeTimeout } = patience;
  const server = createAdaptorServer(
    machine === null
      ? { fetch, serverOptions: patience }
      : {
          fetch,
          createServer,
          serverOptions: { ...patience, handshakeTimeout, ...machine.serverOptions() },
        },
  );
  machine?.keep(server as ReturnType<typeof createServer>);
  return atMost(server as Server, maxConnections);
}

/**
 * Refuses an address that others reach, for a process that would believe whoever does. Throws
 * `listen-unprotected`.
 */
export function mustBeProtected(
  { host, port }: Endpoint,
  { identity, insecure }: { readonly identity: object | undefined; readonly insecure: boolean },
): void {
  if (identity !== undefined || insecure || isLoopback(host)) return;
  throw wireErrors.make(
    'listen-unprotected',
    `${host}:${port} is reached by others, and this process has no certificate: whoever reaches it could move traffic and databases`,
    { host, port },
  );
}
