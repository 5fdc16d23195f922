import { Argument, Option } from 'commander';
import { isoTime, maxColumns } from '../../kernel/kernel.ts';
import { ledgerSql } from '../../replication/replication.ts';
import { type Loss, maxLossesPerCall } from '../../store/store.ts';
import { answer } from '../command.ts';
import { mandatory } from '../options.ts';
import { owner, type Session, serviceState } from '../session.ts';
import { clip } from './progress-view.ts';

/** The ledger of lost writes, in the order of their commits. */
export const losses = answer({
  name: 'losses',
  says: 'List the writes that a failover lost',
  takes: () => [
    new Option(
      '--run <run>',
      'Show only the writes that this run found (the id of the rejoin, not of the failover)',
    ),
    new Option('--sql', 'Print SQL statements for a person to review and run'),
  ],
  look: async (session, { run }: { run?: string; sql?: boolean }) => {
    await serviceState(session);
    return { losses: await lossesOf(session, run) };
  },
  text: ({ losses: found }, { given }) =>
    given.sql === true ? ledgerSql(found) : lossesText(found),
});

/** Records how a person resolved a lost write. */
export const resolveLoss = answer({
  name: 'losses resolve',
  says: 'Record how a lost write was resolved',
  takes: () => [
    new Argument('<id>'),
    mandatory(new Option('--note <text>', 'How it was resolved')),
  ],
  look: async (session, { id, note }: { id: string; note: string }) => {
    const { name: service } = await serviceState(session);
    await session.parts.store.resolveLoss({ service, id, by: owner(), note });
    return { id, note };
  },
  text: ({ id }) => `${id}: resolved`,
});

/** Reads every entry, page by page. */
async function lossesOf(
  { parts, loaded }: Session,
  runId: string | undefined,
): Promise<readonly Loss[]> {
  const service = loaded.service.name;
  const all: Loss[] = [];
  let after: string | undefined;
  for (;;) {
    const found = await parts.store.losses({
      service,
      limit: maxLossesPerCall,
      ...(runId === undefined ? {} : { runId }),
      ...(after === undefined ? {} : { after }),
    });
    all.push(...found);
    after = found.at(-1)?.id;
    // A page may be short; an empty one is the end.
    if (after === undefined || found.length === 0) return all;
  }
}

function lossesText(losses: readonly Loss[]): string {
  if (losses.length === 0) return 'No lost writes in the ledger.';
  const open = losses.filter(({ resolution }) => resolution === null).length;
  const lines = losses.flatMap((loss) => [
    clip(
      `${loss.resolution === null ? '✗' : '✓'} ${loss.id}  ${loss.operation} ${loss.table} ${keyText(loss)}`,
      maxColumns,
    ),
    clip(`    transaction ${loss.transaction}, ${timeOf(loss)}, ${told(loss)}`, maxColumns),
    ...(loss.resolution === null
      ? []
      : [clip(`    ${loss.resolution.by}: ${loss.resolution.note}`, maxColumns)]),
  ]);
  return [...lines, `${losses.length} lost writes, ${open} not resolved`].join('\n');
}

function keyText({ key }: Loss): string {
  if (key === null) return '(no key)';
  return Object.entries(key)
    .map(([column, value]) => `${column}=${value ?? 'NULL'}`)
    .join(' ');
}

function timeOf({ commitWallMs }: Loss): string {
  return commitWallMs === null ? 'time unknown' : isoTime(commitWallMs);
}

function told({ acknowledged }: Loss): string {
  return {
    yes: 'the application was told that it is committed',
    no: 'nobody was told that it is committed',
    unknown: 'whether anybody was told is unknown',
  }[acknowledged];
}
