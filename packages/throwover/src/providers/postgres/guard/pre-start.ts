import { type Clock, isThrowoverError, systemClock } from '../../../kernel/kernel.ts';
import { parseGuardConfig } from '../config.ts';
import { postgresSide } from '../database-side.ts';
import { openSide } from './side.ts';
import { openKeep } from './state.ts';

/** Time between two questions to the guard, ms; it looks at its database once a second. */
const askEveryMs = 50;

/** Longest wait for a guard that runs, ms: several of its rounds, and the store's and the peer's deadlines. */
const patienceMs = 10_000;

/**
 * The application cannot log in to the PostgreSQL that is started next: pg_hba.conf is closed, and the
 * guard knows. For the unit that starts PostgreSQL itself (`throwover guard --pre-start` as ExecStartPre):
 * a region back from the dead is closed before anyone can connect. Changes nothing while PostgreSQL runs.
 */
export async function closeBeforeStart(
  input: unknown,
  { clock = systemClock }: { clock?: Clock } = {},
): Promise<void> {
  const config = parseGuardConfig(input);
  const side = await openSide(config, clock);
  if (side.postmaster.pid() !== null) return;
  await side.door.closeBeforeStart();
  // A guard that runs writes this down itself, in a round that sees PostgreSQL down; its memory is its own.
  const { host, port } = config.listen;
  if (await guardKnows({ region: config.region, url: `http://${host}:${port}`, clock })) return;
  const keep = await openKeep(config.stateDir);
  if (keep.current.closed === null) await keep.change({ closed: { by: 'start' } });
}

/** False: no guard runs. Waits until one that does has seen that PostgreSQL is down. */
async function guardKnows(guard: { region: string; url: string; clock: Clock }): Promise<boolean> {
  const { region, url, clock } = guard;
  const side = postgresSide({ region, guardUrl: url, attachTimeoutMs: patienceMs, clock });
  const deadline = clock.monotonicMs() + patienceMs;
  try {
    for (;;) {
      const { closed } = await side.status();
      if (closed !== null) return true;
      if (clock.monotonicMs() > deadline) return true;
      await clock.sleep(askEveryMs);
    }
  } catch (error) {
    if (isThrowoverError(error, 'database-unreachable')) return false;
    throw error;
  } finally {
    await side.close();
  }
}
