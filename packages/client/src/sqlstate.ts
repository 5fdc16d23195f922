/**
 * Reads from a database client's error how the connection and the transaction stand.
 *
 * SQLSTATEs: PostgreSQL documentation, appendix A.
 */

/**
 * SQLSTATEs, or their classes, that say "nobody can write here now": the application made no error.
 */
const awayStates = [
  '08', // connection exception
  '25006', // read-only transaction: a standby, or a soft fence
  '28000', // login rejected by pg_hba.conf: the fence
  '53300', // too many connections: seen while everybody reconnects
  '57P01', // session ended by the fence, or shutdown
  '57P02', // crash of another session
  '57P03', // starting up, shutting down, or the writer's lease is not held
  '57P05', // ended for being idle
];

/** Error codes of Node for a connection that cannot be made or breaks. */
const brokenSockets = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** Messages of `pg`, without a code, for a connection that broke or could not be made. */
const brokenMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout expired)/;

/** Longest chain of causes that is followed; the limit ends a chain that is a loop. */
const maxCauses = 8;

export function sqlState(error: unknown): string | null {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/**
 * Whether this connection can no longer write. Also looks at the errors that the error wraps
 * (`cause`).
 */
export function saysAway(error: unknown): boolean {
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < maxCauses; depth++) {
    const { code } = at as { readonly code?: unknown };
    if (typeof code === 'string' && brokenSockets.has(code)) return true;
    const state = sqlState(at);
    if (state !== null && awayStates.some((away) => state.startsWith(away))) return true;
    if (state === null && brokenMessages.test(at.message)) return true;
    at = at.cause;
  }
  return false;
}

/**
 * Whether the server's session is alive and idle again: an error of severity ERROR. FATAL and PANIC
 * end the session, and a lost connection has no severity. In those cases the error does not say how
 * the transaction ended: a session that is ended while it waits for a synchronous standby has
 * committed.
 */
export function sessionLives(error: unknown): boolean {
  const { severity } = (error ?? {}) as { readonly severity?: unknown };
  return severity === 'ERROR' && sqlState(error) !== null;
}
