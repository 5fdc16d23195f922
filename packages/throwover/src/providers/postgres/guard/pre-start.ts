import { type Clock, isThrowoverError, systemClock } from '../../../kernel/kernel.ts';
import { type GuardConfig, parseGuardConfig } from '../config.ts';
import { postgresSide } from '../database-side.ts';
import { asTheGuard, ownUrl } from './local.ts';
import { openSide } from './side.ts';
import { openKeep } from './state.ts';

/** Pause between two questions to the guard, ms; the guard looks at its database once a second. */
const askEveryMs = 50;

/**
 * Longest wait for a running guard, ms: several of its rounds, plus the deadlines of store and
 * peer.
 */
const patienceMs = 10_000;

/**
 * Makes sure that the application cannot log in to the PostgreSQL that is started next: it closes
 * pg_hba.conf, and the guard knows of it. For the unit that starts PostgreSQL itself (`throwover
 * guard --pre-start` as ExecStartPre), so that a returning region is closed before the first
 * connection. Changes nothing while PostgreSQL runs.
 */
export async function closeBeforeStart(
  input: unknown,
  { clock = systemClock }: { clock?: Clock } = {},
): Promise<void> {
  const config = parseGuardConfig(input);
  const side = await openSide(config, clock);
  if (side.postmaster.pid() !== null) return;
  await side.door.closeBeforeStart();
  // A running guard writes this down itself, in a round that sees PostgreSQL down, because only
  // that guard may change its memory.
  if (await guardKnows(config, clock)) return;
  const keep = await openKeep(config.stateDir);
  try {
    if (keep.current.closed === null) await keep.change({ closed: { by: 'start' } });
  } finally {
    await keep.close();
  }
}

/**
 * Returns false if no guard runs. Otherwise waits until the guard has seen that PostgreSQL is down.
 */
async function guardKnows(config: GuardConfig, clock: Clock): Promise<boolean> {
  const { machine, connect } = await asTheGuard(config, clock);
  const side = postgresSide({
    ...{ region: config.region, guardUrl: ownUrl(config), clock, connect },
    attachTimeoutMs: patienceMs,
  });
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
    await machine?.close();
  }
}
