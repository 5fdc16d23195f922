import { isoTime, maxColumns } from '../../kernel/kernel.ts';
import { ledgerSql } from '../../replication/replication.ts';
import { type Loss, maxLossesPerCall } from '../../store/store.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { owner, serviceState } from '../session.ts';
import { clip } from './progress-view.ts';

/**
 * `throwover losses [--run RUN]`: shows the ledger of lost writes, in the order of their commits.
 */
export async function lossesCommand(
  { output, session }: CommandContext,
  options: { run: string | undefined; sql: boolean },
): Promise<ExitCode> {
  await serviceState(session);
  const losses: Loss[] = [];
  for await (const loss of lossesOf(session, options.run)) losses.push(loss);
  output.result({ losses }, options.sql ? ledgerSql(losses) : lossesText(losses));
  return exitCodes.ok;
}

/** `throwover losses resolve ID --note TEXT`: records how a person resolved a lost write. */
export async function resolveLossCommand(
  { output, session }: CommandContext,
  options: { id: string; note: string },
): Promise<ExitCode> {
  const { id, note } = options;
  const { name: service } = await serviceState(session);
  await session.parts.store.resolveLoss({ service, id, by: owner(), note });
  output.result({ id, note }, `${id}: resolved`);
  return exitCodes.ok;
}

/** Yields every entry, page by page. */
export async function* lossesOf(
  { parts, loaded }: CommandContext['session'],
  runId: string | undefined,
): AsyncGenerator<Loss> {
  const service = loaded.service.name;
  let after: string | undefined;
  for (;;) {
    const found = await parts.store.losses({
      service,
      limit: maxLossesPerCall,
      ...(runId === undefined ? {} : { runId }),
      ...(after === undefined ? {} : { after }),
    });
    yield* found;
    after = found.at(-1)?.id;
    // A page may be short; an empty one is the end.
    if (after === undefined || found.length === 0) return;
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
