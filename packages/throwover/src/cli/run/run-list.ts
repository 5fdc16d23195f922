import { Argument, Option } from 'commander';
import { formatMs, isoTime, maxColumns, wrap } from '../../kernel/kernel.ts';
import { storedPlan } from '../../runbook/runbook.ts';
import {
  damageOf,
  type JournalRecord,
  type RunState,
  type RunSummary,
  type Store,
} from '../../store/store.ts';
import { answer } from '../command.ts';
import { whole } from '../options.ts';
import { clip } from './progress-view.ts';

/** Number of runs shown without --limit: one screen. */
const shownRuns = 20;

export const runs = answer({
  name: 'runs',
  says: 'List the runs of the service, newest first',
  takes: () => [
    new Option('--limit <count>', 'How many to show').argParser(whole(1, 1_000)).default(shownRuns),
  ],
  look: async ({ loaded, parts }, { limit }: { limit: number }) => {
    const service = loaded.service.name;
    const found = await parts.store.runs({ service, limit });
    const listed = found.map(async (run) => ({
      ...run,
      damage: await openDamage(parts.store, run),
    }));
    return { service, runs: await Promise.all(listed) };
  },
  text: ({ service, runs: found }) =>
    found.length === 0 ? `No runs of ${service} yet.` : found.flatMap(runLines).join('\n'),
  json: ({ runs: found }) => ({ runs: found }),
});

export const show = answer({
  name: 'show',
  says: 'Show a run and its journal',
  takes: () => [new Argument('<run>')],
  look: ({ parts }, { run }: { run: string }) => parts.store.run(run),
  text: (run, { nowWallMs }) => showText(run, nowWallMs),
});

/** Why an open run cannot be read; `null`: it can, or it has ended. */
async function openDamage(store: Pick<Store, 'run'>, { runId, status }: RunSummary) {
  if (status !== 'running') return null;
  const found = await damageOf(store, runId);
  return found === null ? null : found.toJSON();
}

interface Listed extends RunSummary {
  readonly damage: { readonly code: string; readonly message: string } | null;
}

function runLines({ damage, abandoned, ...run }: Listed): readonly string[] {
  const { runId, kind, from, to, status, startedWallMs } = run;
  const when = isoTime(startedWallMs).slice(0, 19).replace('T', ' ');
  const shown = damage === null ? status : 'DAMAGED';
  const line = `${runId}  ${shown.padEnd(9)}  ${when}  ${kind} ${from} to ${to}`;
  const notes =
    damage !== null
      ? [`${damage.code}: ${damage.message}`, `Next: ${endDamagedCommand(runId)}`]
      : abandoned !== undefined
        ? [`ended by ${abandoned.by}: ${abandoned.reason}`, abandoned.damage]
        : [];
  return [clip(line, maxColumns), ...notes.flatMap((note) => wrap(`    ${note}`, 4))];
}

/** The command that ends a damaged run, as it is told wherever one is found. */
export function endDamagedCommand(runId: string): string {
  return `\`throwover abort ${runId} --damaged --by NAME --reason TEXT\``;
}

/** Returns the journal as lines of at most 80 columns: seconds since the start, event, step. */
function showText(run: RunState, nowWallMs: number): string {
  const { runId, kind, service, from, to, epoch, status, owner, startedWallMs, endedWallMs } = run;
  const titles = new Map(storedPlan(run).steps.map(({ name, title }) => [name, title]));
  const took = formatMs((endedWallMs ?? nowWallMs) - startedWallMs);
  const head = [
    `${kind} of ${service}, ${from} to ${to}, epoch ${epoch}${kind === 'rejoin' ? '' : ` to ${epoch + 1}`}`,
    `${runId}: ${status}, ${took}${endedWallMs === null ? ' so far' : ''}`,
    `Began ${isoTime(startedWallMs)}, by ${owner}`,
    '',
  ];
  const records = run.records.map((record) => {
    const at = `+${((record.wallMs - startedWallMs) / 1_000).toFixed(3)}`;
    return `${at.padStart(9)}  ${recordText(record, titles)}`;
  });
  return [...head, ...records].map((line) => clip(line, maxColumns)).join('\n');
}

function recordText(record: JournalRecord, titles: ReadonlyMap<string, string>): string {
  switch (record.type) {
    case 'mandate': {
      const { by, second, digest, overrides } = record;
      const who = second === undefined ? by : `${by} and ${second}`;
      const accepted = overrides.length === 0 ? '' : `, overriding ${overrides.join(', ')}`;
      return `approved by ${who}: ${digest.slice(0, 12)}${accepted}`;
    }
    case 'taken-over':
      return `taken over by ${record.by}, token ${record.token}`;
    case 'abort-requested': {
      const { by, reason, leave = [] } = record;
      const left = leave.length === 0 ? '' : `; may be left as it is: ${leave.join(', ')}`;
      return `abort asked for by ${by}: ${reason}${left}`;
    }
    case 'replanned': {
      const { kind, by, digest, overrides } = record;
      const accepted = overrides.length === 0 ? '' : `, overriding ${overrides.join(', ')}`;
      return `from here on a ${kind}, approved by ${by}: ${digest.slice(0, 12)}${accepted}`;
    }
    case 'intent':
      return `${record.step}: ${titles.get(record.step) ?? ''}`;
    case 'outcome': {
      const how = record.result === 'acted' ? 'done' : 'held already';
      return `${record.step}: ${how} in ${formatMs(record.durationMs)}`;
    }
    case 'step-failed':
      return `${record.step}: failed: ${record.error.code}: ${record.error.message}`;
    case 'undo-intent':
      return `${record.step}: undoing`;
    case 'undo-outcome':
      return `${record.step}: ${record.result}: ${record.note}`;
    case 'ended':
      return `${record.status}: ${record.reason}`;
  }
}
