/**
 * Process: the read service beside a region's database, for teams with users in both regions.
 *
 * It reads from the database of its own region, whatever its role, and asks the other region's
 * database when its own cannot say in time whether it has the client's own writes. Its argument is
 * its configuration as JSON, or the path of a file; the key of the tokens is in
 * `CHECKOUT_TOKEN_KEY`.
 */
import { Hono } from 'hono';
import pg from 'pg';
import type { Endpoint } from 'throwover/kernel';
import { z } from 'zod';
import { runProcess } from '../entry.ts';
import { serveApp } from '../listen.ts';
import { applicationRole, database } from '../postgres/schema.ts';
import { endpoint } from '../schemas.ts';
import { createReads } from './checkout.ts';
import { databaseAway, type Lease } from './database.ts';

/**
 * Most connections to each of the two databases; those to the other region are for the few routed
 * reads.
 */
const connections = 8;

/** Longest wait for a connection and for an answer, ms: a client waits 5 s in all. */
const connectTimeoutMs = 1_000;
const queryTimeoutMs = 2_000;

const readerConfig = z.strictObject({
  region: z.string().min(1),
  ...endpoint.shape,
  /** The database of this region. */
  near: endpoint,
  /** The database of the other region. */
  elsewhere: endpoint,
});

const environment = z.object({ CHECKOUT_TOKEN_KEY: z.string() });

await runProcess('reader', readerConfig, async (config) => {
  const key = environment.parse(process.env).CHECKOUT_TOKEN_KEY;
  const [near, elsewhere] = [poolOf(config.near), poolOf(config.elsewhere)];
  const reads = createReads({
    region: config.region,
    keys: [key],
    from: { near: () => leaseOf(near), elsewhere: () => leaseOf(elsewhere) },
  });
  const app = new Hono();
  app.all('*', async ({ req }) => {
    const { pathname } = new URL(req.url);
    const result = await reads({
      rawPath: pathname,
      headers: req.header(),
      requestContext: { http: { method: req.method } },
    });
    return new Response(result.body, { status: result.statusCode, headers: result.headers });
  });
  const server = await serveApp(app, config);
  return {
    addresses: { url: server.url },
    close: async () => {
      await server.close();
      await Promise.all([near.end(), elsewhere.end()]);
    },
  };
});

function poolOf({ host, port }: Endpoint): pg.Pool {
  const pool = new pg.Pool({
    ...{ host, port, user: applicationRole, database },
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    application_name: 'checkout-reads',
    // A pool that closed idle connections would have to open new ones while requests wait.
    idleTimeoutMillis: 0,
  });
  // An idle connection broke: the pool has dropped it already.
  pool.on('error', () => {});
  // A connection that breaks during use reports the error to its user.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

async function leaseOf(pool: pg.Pool): Promise<Lease> {
  try {
    const client = await pool.connect();
    return { client, release: (broken) => client.release(broken) };
  } catch (error) {
    throw databaseAway(error) ?? error;
  }
}
