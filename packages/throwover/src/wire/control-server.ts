import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { atMost, impatience } from '../kernel/kernel.ts';

/** Most connections at once; a service has some ten processes that keep some each. */
const maxConnections = 512;

/** The server of a process's own calls. `patienceMs`: longest time for the head of a request, ms. */
export function controlServer(
  { fetch }: Pick<Hono, 'fetch'>,
  { patienceMs }: { readonly patienceMs?: number } = {},
): Server {
  const serverOptions = impatience(patienceMs);
  return atMost(createAdaptorServer({ fetch, serverOptions }) as Server, maxConnections);
}
