import pg from 'pg';
import type { UpstreamWord } from '../../../authority/database-side.ts';
import type { Side } from './side.ts';
import { clientFor } from './sql.ts';

/** Longest wait for the other server's word, ms: five round trips at 100 ms one way, as a login takes. */
const patienceMs = 1_000;

/**
 * Whether the server that this standby receives from answers a new connection now. A receiver that hears
 * nothing goes on calling itself streaming until `wal_receiver_timeout`, 60 s by default.
 *
 * Any answer of PostgreSQL is one, a refused login too. Errors: `database-unreachable` (of our own).
 */
export async function lookUpstream(side: Side): Promise<UpstreamWord> {
  const [receiver] = await side.watch.rows<{ host: string; port: number }>(
    'SELECT sender_host AS host, sender_port AS port FROM pg_stat_wal_receiver WHERE sender_host IS NOT NULL',
  );
  if (receiver === undefined) return { answers: null, said: 'no receiver runs' };
  const { user, password } = side.config.replication;
  const { database } = side.config;
  const login = { ...receiver, user, password: await side.secret(password), database };
  const client = clientFor(login, { replication: 'true', connectionTimeoutMillis: patienceMs });
  client.on('error', () => {});
  try {
    await client.connect();
    return { answers: true, said: 'a session' };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { answers: error instanceof pg.DatabaseError, said };
  } finally {
    await client.end().catch(() => {});
  }
}
