import type pg from 'pg';
import { type Endpoint, type Random, systemClock } from 'throwover/kernel';
import { withClient } from './client.ts';

/**
 * The shapes of an episode. While the delay is set, replay stops until the delay has passed, so the
 * lag grows by one second each second up to the delay and stays there; without the delay everything
 * is replayed at once. Machine time: a lag is never scaled.
 */
const profiles = {
  /**
   * About one sample in twenty is above 5 s, and the next quiet window is at most about 8 s away.
   */
  production: {
    quietMs: { least: 6_000, most: 10_000 },
    delayMs: { least: 4_900, most: 5_600 },
    /** How long the lag stays at its highest. */
    plateauMs: { least: 400, most: 1_200 },
  },
  /** Around the deadline of a read that waits (250 ms), above and below it. */
  short: {
    quietMs: { least: 1_000, most: 3_000 },
    delayMs: { least: 100, most: 400 },
    plateauMs: { least: 1_000, most: 2_000 },
  },
};
export type LagProfileName = keyof typeof profiles | 'none';

/**
 * Longest time for one statement, ms: a frozen region answers none, and the profile goes on with
 * the other.
 */
const statementTimeoutMs = 1_000;

/**
 * Time between two looks at which side is the standby, ms: it may change in the middle of an
 * episode.
 */
const followMs = 500;

export type LagProfile = ReturnType<typeof startLagProfile>;

/**
 * Makes replay on the current standby lag in episodes, as in production, with a p95 of about 5 s.
 * The delay is a setting in the data directory, so it is removed from a side that was promoted.
 */
export function startLagProfile(options: {
  readonly profile: LagProfileName;
  readonly sides: readonly Endpoint[];
  readonly random: Random;
}) {
  const { profile, sides, random } = options;
  const stopping = new AbortController();
  const between = ({ least, most }: { least: number; most: number }) =>
    least + random.next() * (most - least);

  /** Keeps this delay for `forMs`, on the current standby and on no other side. */
  async function hold(delayMs: number, forMs: number): Promise<void> {
    const until = systemClock.monotonicMs() + forMs;
    while (!stopping.signal.aborted) {
      await Promise.all(sides.map((side) => delayReplay(side, delayMs)));
      const left = until - systemClock.monotonicMs();
      if (left <= 0) return;
      await systemClock.sleep(Math.min(left, followMs), stopping.signal).catch(() => {});
    }
  }

  const running = (async () => {
    while (profile !== 'none' && !stopping.signal.aborted) {
      const episode = profiles[profile];
      await hold(0, between(episode.quietMs));
      const delayMs = Math.round(between(episode.delayMs));
      await hold(delayMs, delayMs + between(episode.plateauMs));
    }
  })();

  return {
    /** Ends the profile and removes the delay on both sides. */
    stop: async () => {
      stopping.abort();
      await running;
      await Promise.all(sides.map((side) => delayReplay(side, 0)));
    },
  };
}

/**
 * Sets the delay on a standby, and removes it on a primary. A side that does not answer is left as
 * it is.
 */
async function delayReplay(side: Endpoint, delayMs: number): Promise<void> {
  const set = async (client: pg.Client) => {
    const { rows } = await client.query<{ standby: boolean; delay: string }>(
      `SELECT pg_is_in_recovery() AS standby, setting AS delay
       FROM pg_settings WHERE name = 'recovery_min_apply_delay'`,
    );
    const wanted = rows[0]?.standby ? String(delayMs) : '0';
    if (rows[0]?.delay === wanted) return;
    await client.query(`ALTER SYSTEM SET recovery_min_apply_delay = '${wanted}ms'`);
    await client.query('SELECT pg_reload_conf()');
  };
  await withClient(side, set, { database: 'postgres', timeoutMs: statementTimeoutMs }).catch(() => {
    // Stopped, frozen or being promoted: the next look handles its state at that time.
  });
}
