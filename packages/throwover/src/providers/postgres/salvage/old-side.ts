import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '@throwover/client';
import { knowsPromotion } from '../guard/promotions.ts';
import type { Side } from '../guard/side.ts';
import { configureStandby } from '../guard/standby-files.ts';
import { replaceDurably } from '../guard/state.ts';
import { readLosses, type Salvage } from './read.ts';

/** First version whose standbys decode: PostgreSQL 16. */
const decodesOnStandby = 16;

/** File of the ledger beside the guard's state: what was read is not lost when the data directory is replaced. */
const ledgerFile = 'ledger.json';

/** No receiver is started. */
const nobody = '';

/**
 * What this side committed beyond the switch position, read while it is a read-only standby of nobody:
 * it is never opened for it. Stops it at once when it runs as a primary, and starts it again as a
 * standby; before PostgreSQL 16, which cannot decode on a standby, a primary that still runs, closed, is
 * read as it is. The answer is kept on disk, and is the same when it is asked again, whatever has become of
 * the data directory since.
 */
export async function salvageOldSide(
  side: Side,
  command: { readonly runId: string; readonly epoch: number; readonly switchPosition: Position },
): Promise<Salvage> {
  const kept = await readKept(side, command.epoch);
  if (kept !== null) return kept;
  const major = await majorOf(side);
  if (major === null || major >= decodesOnStandby) await asStandbyOfNobody(side);
  else if (side.postmaster.pid() === null) {
    return {
      state: 'unavailable',
      why: `PostgreSQL ${major} decodes on a primary alone, and this side is not started as one`,
    };
  }
  const salvage = await readLosses(side.sql, command);
  // It followed the new history once, though nobody heard that it did: what it has beyond came from there.
  if (await knowsPromotion(side.sql, command.epoch))
    return { state: 'complete', losses: [], blind: [] };
  if (salvage.state === 'complete') await keep(side, command.epoch, salvage);
  return salvage;
}

async function asStandbyOfNobody(side: Side): Promise<void> {
  const { dataDir, runAs } = side.config.postgres;
  if (side.postmaster.pid() !== null) {
    const { standby } = await side.sql.row<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    );
    if (standby) return;
    await side.postmaster.stop('immediate');
  }
  await configureStandby(dataDir, { primaryConninfo: nobody, runAs });
  await side.door.closeBeforeStart();
  await side.postmaster.start();
}

/** Of the data directory, so that it is known before the server runs. */
async function majorOf(side: Side): Promise<number | null> {
  const file = join(side.config.postgres.dataDir, 'PG_VERSION');
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : Number.parseInt(text, 10);
}

interface Kept {
  readonly epoch: number;
  readonly salvage: Salvage;
}

async function readKept(side: Side, epoch: number): Promise<Salvage | null> {
  const file = join(side.config.stateDir, ledgerFile);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const kept = JSON.parse(text) as Kept;
  return kept.epoch === epoch ? kept.salvage : null;
}

async function keep(side: Side, epoch: number, salvage: Salvage): Promise<void> {
  const file = join(side.config.stateDir, ledgerFile);
  await replaceDurably(file, JSON.stringify({ epoch, salvage } satisfies Kept));
}
