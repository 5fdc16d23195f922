import pg from 'pg';
import type { Endpoint } from 'throwover/kernel';
import { database as applicationDatabase } from './schema.ts';

export interface Login {
  /** Left out: the superuser, whom no fence keeps out. */
  readonly user?: string;
  /** Left out: the application's. */
  readonly database?: string;
  /** Longest time to connect, and for each answer, ms; left out: 10 s to connect, and no limit. */
  readonly timeoutMs?: number;
}

/** Opens one connection. When it breaks, its next statement fails. */
export async function connectTo(address: Endpoint, login: Login = {}): Promise<pg.Client> {
  const { user = 'postgres', database = applicationDatabase, timeoutMs } = login;
  const client = new pg.Client({
    ...{ host: address.host, port: address.port, user, database },
    connectionTimeoutMillis: timeoutMs ?? 10_000,
    query_timeout: timeoutMs ?? 0,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

/** Does the work over a connection of its own, which is then ended. */
export async function withClient<T>(
  address: Endpoint,
  work: (client: pg.Client) => Promise<T>,
  login: Login = {},
): Promise<T> {
  const client = await connectTo(address, login);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
