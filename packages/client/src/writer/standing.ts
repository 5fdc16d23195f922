import { readView } from '../read-your-writes/view.ts';
import { lastRow, oneRow, type Queryable } from '../sql.ts';

/** Channel on which a database announces a new epoch. */
const channel = 'throwover_epoch';

/** Epoch of a database in which no promotion was ever recorded. */
const firstEpoch = 1n;

/** The state of a database that a writer has connected to. */
export interface Standing {
  /** True on a standby, and with `default_transaction_read_only`. */
  readonly readOnly: boolean;
  readonly timeline: number;
  readonly epoch: bigint;
  /** The timeline that began with that epoch, as recorded; `null` when nothing is recorded. */
  readonly recordedTimeline: number | null;
  readonly hidden: boolean;
  /** Changes when the server is restarted, and when it goes through crash recovery. */
  readonly incarnation: string;
}

/** The newest writer known; an older one is recognised by it. */
export interface Known {
  readonly epoch: bigint;
  /** `null`: the epoch was heard of, but its database was not seen yet. */
  readonly timeline: number | null;
}

/**
 * Why a connection may not be written to. not-recorded: this primary was promoted, but the row that
 * opens its epoch is missing so far. older-epoch: another region was opened since.
 */
export type Refusal = 'read-only' | 'hidden' | 'older-epoch' | 'not-recorded';

/**
 * Returns why the connection may not be written to; `null` when it is the current writer, as far as
 * this process knows.
 */
export function refusalOf(known: Known | null, standing: Standing): Refusal | null {
  if (standing.readOnly) return 'read-only';
  if (standing.hidden) return 'hidden';
  if (known !== null && standing.epoch < known.epoch) return 'older-epoch';
  const { recordedTimeline, timeline } = standing;
  if (recordedTimeline !== null && recordedTimeline !== timeline) return 'not-recorded';
  const moved = known !== null && known.timeline !== null && known.timeline !== timeline;
  return moved && standing.epoch === known.epoch ? 'not-recorded' : null;
}

// Crash recovery resets cumulative statistics, so their reset time reveals a recovery that the
// postmaster survived.
const sessionQuery = `LISTEN ${channel};
  SELECT current_setting('transaction_read_only') = 'on' AS "readOnly",
    pg_postmaster_start_time()::text || ' ' || coalesce(stats_reset::text, '') AS incarnation
  FROM pg_stat_bgwriter`;

/**
 * Reads the state of a database. It listens first and looks afterwards, so that it misses no epoch.
 * Two round trips, three where promotions were recorded.
 */
export async function readStanding(client: Queryable): Promise<Standing> {
  const session = await lastRow<{ readOnly: boolean; incarnation: string }>(client, sessionQuery);
  const view = await readView(client, null);
  const switches = Array.isArray(view.switches) ? view.switches : [];
  const newest = switches.reduce<(typeof switches)[number] | null>(
    (best, one) => (best === null || one.epoch > best.epoch ? one : best),
    null,
  );
  return {
    readOnly: session.readOnly || view.standby,
    timeline: view.timeline ?? view.timelineAtLeast,
    epoch: newest?.epoch ?? firstEpoch,
    recordedTimeline: newest?.timeline ?? null,
    hidden: view.switches === 'hidden',
    incarnation: session.incarnation,
  };
}

/**
 * Returns the epoch that a notice announces; `look` when something changed that only a new look can
 * tell; `null` when the notice is on another channel.
 */
export function epochIn(notice: {
  readonly channel: string;
  readonly payload?: string | undefined;
}): bigint | 'look' | null {
  if (notice.channel !== channel) return null;
  try {
    const { epoch } = JSON.parse(notice.payload ?? '') as { readonly epoch?: unknown };
    if (typeof epoch === 'number' || typeof epoch === 'string') return BigInt(epoch);
  } catch {
    // A notice on this channel that cannot be read still means that something changed.
  }
  return 'look';
}

/** The last checkpoint, as far as it tells which ids a crash recovery found. */
export interface LastCheckpoint {
  /**
   * The checkpoint was written at the end of recovery or at a shutdown: no other checkpoint
   * followed.
   */
  readonly afterRecovery: boolean;
  readonly nextXid: bigint;
}

export async function readLastCheckpoint(client: Queryable): Promise<LastCheckpoint> {
  const row = await oneRow<{ quiet: boolean; next: string }>(
    client,
    'SELECT redo_lsn = checkpoint_lsn AS quiet, next_xid AS next FROM pg_control_checkpoint()',
  );
  const [high = '', low = ''] = row.next.split(':');
  return { afterRecovery: row.quiet, nextXid: (BigInt(high) << 32n) + BigInt(low) };
}
