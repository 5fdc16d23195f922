import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '@throwover/client';
import { orNull, replaceDurably } from '../../../kernel/kernel.ts';
import { postgresErrors } from '../errors.ts';
import { runningCluster } from '../guard/cluster.ts';
import { majorOf } from '../guard/own-session.ts';
import { knowsPromotion } from '../guard/promotions.ts';
import type { Side } from '../guard/side.ts';
import { isStandby } from '../guard/sql.ts';
import { configureStandby } from '../guard/standby-files.ts';
import { readLosses, type Salvage } from './read.ts';

/** First version whose standbys can decode: PostgreSQL 16. */
const decodesOnStandby = 16;

/**
 * File of the ledger beside the guard's state, so that the ledger is not lost when the data
 * directory is replaced.
 */
const ledgerFile = 'ledger.json';

/** With this connection string no receiver is started. */
const nobody = '';

/**
 * Returns the writes that this side committed beyond the switch position, read while it is a
 * read-only standby that follows no primary: it is never opened for that. A running primary is
 * stopped at once and started again as a standby. Before PostgreSQL 16, which cannot decode on a
 * standby, a running and closed primary is read as it is. The answer is stored on disk, and is the
 * same when asked again, even if the data directory has changed since.
 */
export async function salvageOldSide(
  side: Side,
  command: {
    readonly runId: string;
    readonly epoch: number;
    readonly switchPosition: Position;
    readonly identifier: string | null;
  },
): Promise<Salvage> {
  const kept = await readKept(side, command.epoch);
  if (kept !== null) return kept;
  const major = majorOf(side.config.postgres.dataDir);
  const decodes = major === null || major >= decodesOnStandby;
  if (decodes) await mustBeStandby(side);
  else if (side.postmaster.pid() === null) {
    return {
      state: 'unavailable',
      why: `PostgreSQL ${major} decodes on a primary alone, and this side is not started as one`,
    };
  }
  const salvage = await readLosses(side.sql, command);
  await mustBeOfCluster(side, command.identifier);
  // It followed the new history before, though that was not reported: everything beyond the switch
  // position came from there.
  const unread = salvage.state === 'unavailable';
  const followed =
    (await knowsPromotion(side.sql, command.epoch)) ||
    (decodes && unread && (await knowsOnNewestTimeline(side, command.epoch)));
  if (followed) return { state: 'complete', losses: [], blind: [] };
  if (salvage.state === 'complete') await keep(side, command.epoch, salvage);
  return salvage;
}

/**
 * Checked after the reading, so that the "nothing" of another data directory is never stored as
 * this one's.
 */
async function mustBeOfCluster(side: Side, identifier: string | null): Promise<void> {
  if (identifier === null) return;
  const read = await runningCluster(side.sql);
  if (read === identifier) return;
  throw postgresErrors.make(
    'database-refused',
    `${side.config.region}'s database is not of cluster ${identifier} any more, but of ${read}: nothing of it is kept`,
    { identifier, read },
  );
}

async function mustBeStandby(side: Side): Promise<void> {
  if (side.postmaster.pid() !== null) {
    if (await isStandby(side.sql)) return;
    await side.postmaster.stop('immediate');
  }
  // Its own timeline, from its control file. A side that tried to follow has the history of a newer
  // timeline here, and with an archive also its log files, and would look for that timeline.
  await startAsStandbyOfNobody(side, 'current');
}

/**
 * Returns whether the side has received the promotion on the newest timeline of its log. A side that
 * crashed soon after it had begun to follow does not replay that timeline by itself.
 */
async function knowsOnNewestTimeline(side: Side, epoch: number): Promise<boolean> {
  await side.postmaster.stop('immediate');
  // A log that went on past the switch cannot reach that timeline.
  const knows = await orNull(async () => {
    await startAsStandbyOfNobody(side, 'latest');
    return knowsPromotion(side.sql, epoch);
  });
  return knows ?? false;
}

async function startAsStandbyOfNobody(side: Side, timeline: 'current' | 'latest'): Promise<void> {
  const { dataDir, runAs } = side.config.postgres;
  await configureStandby(dataDir, { primaryConninfo: nobody, timeline, runAs });
  await side.door.closeBeforeStart();
  await side.postmaster.start();
}

interface Kept {
  readonly epoch: number;
  readonly salvage: Salvage;
}

/** The last answer, read or written: it is asked for page by page, and parsing a large one takes half a second. */
const lastKept = new WeakMap<Side, Kept>();

async function readKept(side: Side, epoch: number): Promise<Salvage | null> {
  const last = lastKept.get(side);
  if (last?.epoch === epoch) return last.salvage;
  const file = join(side.config.stateDir, ledgerFile);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const kept = JSON.parse(text) as Kept;
  lastKept.set(side, kept);
  return kept.epoch === epoch ? kept.salvage : null;
}

async function keep(side: Side, epoch: number, salvage: Salvage): Promise<void> {
  const file = join(side.config.stateDir, ledgerFile);
  const kept: Kept = { epoch, salvage };
  await replaceDurably(file, JSON.stringify(kept));
  lastKept.set(side, kept);
}
