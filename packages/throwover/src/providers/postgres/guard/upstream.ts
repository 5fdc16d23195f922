import pg from 'pg';
import type { UpstreamWord } from '../../../authority/authority.ts';
import { ownSession } from './own-session.ts';
import type { Side } from './side.ts';
import { clientFor } from './sql.ts';

/**
 * Longest wait for the other server's answer, ms: five round trips at 100 ms one way, as for a
 * login.
 */
const patienceMs = 1_000;

/**
 * Returns whether the server that this standby receives from answers a new connection now. A
 * receiver that gets no data reports "streaming" until `wal_receiver_timeout`, 60 s by default.
 *
 * Any answer of PostgreSQL counts, also a refused login. Errors: `database-unreachable` (for this
 * side's own database).
 */
export async function lookUpstream(side: Side): Promise<UpstreamWord> {
  const [receiver] = await side.watch.rows<{ host: string; port: number }>(
    'SELECT sender_host AS host, sender_port AS port FROM pg_stat_wal_receiver WHERE sender_host IS NOT NULL',
  );
  if (receiver === undefined) return { answers: null, said: 'no receiver runs' };
  const { user, password } = side.config.replication;
  const { database, postgres } = side.config;
  const options = ownSession(postgres.dataDir);
  const login = { ...receiver, user, password: await side.secret(password), database, options };
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
