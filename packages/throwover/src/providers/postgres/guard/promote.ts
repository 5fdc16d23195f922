import { bytesOf, type Position, positionOf, timelineOf } from '@throwover/client';
import type { FenceProof } from '../../../authority/fence-proof.ts';
import type { Promotion } from '../../../replication/database.ts';
import { postgresErrors } from '../errors.ts';
import { createPromotions, recordPromotion } from './promotions.ts';
import type { Side } from './side.ts';
import { observe } from './status.ts';

/** Time between two looks at pg_is_in_recovery(), ms. `pg_promote(true)` looks every 100 ms instead. */
const promotePollMs = 2;

/** Longest promotion, ms: what was received and not replayed yet is replayed first; within the port's 15 s. */
const promoteTimeoutMs = 13_000;

/**
 * This database takes writes, on a timeline of its own, and says so in `throwover.promotions`.
 *
 * Safe to repeat: a crash between the promotion and its row leaves a primary on a timeline that no
 * row claims, and the same command writes that row.
 */
export async function promote(
  side: Side,
  command: { epoch: number; proof: FenceProof },
): Promise<Promotion> {
  const observed = await observe(side, side.sql);
  const { standby, promotions: known } = observed;
  const same = known.find((promotion) => promotion.epoch === command.epoch);
  if (same !== undefined && !standby && same.region === side.config.region) return same;
  const newest = known[0];
  if (newest !== undefined && newest.epoch >= command.epoch) {
    throw refuse(side, `it knows of epoch ${newest.epoch} in ${newest.region} already`, { newest });
  }
  if (standby) {
    requireReceived(side, observed.received, command.proof);
    await requestPromotion(side);
  }
  const { timeline, switchPosition } = await newestSwitch(side);
  if (known.some((promotion) => promotion.timeline === timeline)) {
    throw refuse(side, `it is the primary of timeline ${timeline} since an earlier promotion`, {
      known,
    });
  }
  requireCovered(side, command.proof, switchPosition);
  const promotion = { epoch: command.epoch, region: side.config.region, timeline, switchPosition };
  if (!observed.hasPromotions) await createPromotions(side.sql);
  await recordPromotion(side.sql, promotion);
  return promotion;
}

/** A2: nothing is promoted that has not received all that was acknowledged. */
function requireReceived(side: Side, received: Position, proof: FenceProof): void {
  if (proof.kind === 'overridden') return;
  const complete =
    timelineOf(received) === timelineOf(proof.position) &&
    bytesOf(received) >= bytesOf(proof.position);
  if (!complete) {
    throw refuse(side, `it has received ${received} and not all up to ${proof.position}`, {
      received,
      position: proof.position,
    });
  }
}

async function requestPromotion(side: Side): Promise<void> {
  const { sql, access, state } = side;
  // A fence left over from an earlier run on this side would keep the application out of the new primary.
  if (state.current.fenced) await state.change({ fenced: false });
  if (await access.open()) await sql.rows('SELECT pg_reload_conf()');
  await sql.rows('SELECT pg_promote(false)');
}

// The timeline's history file; its name comes from the log, since the control file is late after a promotion.
const historyQuery = `
  SELECT CASE WHEN standby THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END AS name,
    CASE WHEN standby THEN NULL ELSE coalesce(pg_read_file(
      'pg_wal/' || substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) || '.history', 0, $1, true), '') END AS history
  FROM pg_is_in_recovery() AS standby`;

/** Bytes of a history file that are read: a line of about 50 for each promotion there ever was. */
const maxHistoryBytes = 1024 * 1024;

/** Waits until it writes, and reads where its timeline began: parent and position in the history's last line. */
async function newestSwitch(side: Side): Promise<{ timeline: number; switchPosition: Position }> {
  const { sql, clock } = side;
  const deadline = clock.monotonicMs() + promoteTimeoutMs;
  for (;;) {
    const { name, history } = await sql.row<{ name: string | null; history: string | null }>(
      historyQuery,
      [maxHistoryBytes],
    );
    if (name !== null && history !== null) return switchIn(side, name, history);
    if (clock.monotonicMs() > deadline) {
      throw postgresErrors.make(
        'database-unreachable',
        `${side.config.region}: the promotion goes on, and has not ended after ${promoteTimeoutMs} ms`,
      );
    }
    await clock.sleep(promotePollMs);
  }
}

function switchIn(side: Side, name: string, history: string) {
  const timeline = Number.parseInt(name, 16);
  if (timeline === 1) throw refuse(side, 'it is the first primary and was never promoted', {});
  const last = history
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line))
    .findLast((match) => match !== null);
  if (last?.[1] === undefined || last[2] === undefined) {
    throw new Error(`pg_wal/${name}.history has no line that says where the timeline began`);
  }
  return { timeline, switchPosition: positionOf(Number(last[1]), last[2]) };
}

function requireCovered(side: Side, proof: FenceProof, switchPosition: Position): void {
  if (proof.kind === 'overridden') return;
  if (
    timelineOf(switchPosition) === timelineOf(proof.position) &&
    bytesOf(switchPosition) >= bytesOf(proof.position)
  ) {
    return;
  }
  throw refuse(
    side,
    `its timeline began at ${switchPosition}, before ${proof.position}: acknowledged writes are missing`,
    { switchPosition, position: proof.position },
  );
}

function refuse(side: Side, why: string, evidence: Readonly<Record<string, unknown>>) {
  return postgresErrors.make(
    'database-refused',
    `${side.config.region}'s database is not promoted: ${why}`,
    evidence,
  );
}
