import Table from 'cli-table3';
import { formatMs, isoTime } from '../kernel/kernel.ts';
import type { GuardResult, Plan } from '../runbook/runbook.ts';
import type { JournalRecord, RunState, RunSummary } from '../store/store.ts';

/** Text for people, at most 80 columns. */

export function planText(plan: Plan, digest: string): string {
  const rows = plan.steps.map((step, index) => [
    `${index + 1}`,
    step.name,
    step.noReturn ? `${step.title} (POINT OF NO RETURN)` : step.title,
  ]);
  return [
    `${plan.kind} of ${plan.service}: ${plan.from} to ${plan.to}, epoch ${plan.epoch} to ${plan.epoch + 1}`,
    '',
    table(rows, [4, 19, 52]),
    '',
    guardsText(plan.guards),
    '',
    `Digest: ${digest}`,
  ].join('\n');
}

export function guardsText(guards: readonly GuardResult[]): string {
  if (guards.length === 0) return 'Guards: none; this kind of run asks nothing.';
  return guards
    .map(({ title, refusals }) =>
      refusals.length === 0
        ? `ok       ${title}`
        : refusals
            .map(
              ({ error, override }) =>
                `REFUSED  ${title}\n         ${error.code}: ${error.message}\n         ${error.remedy}${override === null ? '' : `\n         override: --override ${override}`}`,
            )
            .join('\n'),
    )
    .join('\n');
}

export function runsText(runs: readonly RunSummary[]): string {
  if (runs.length === 0) return 'No run yet.';
  return table(
    runs.map((run) => [
      run.runId,
      run.kind,
      `${run.from} to ${run.to}`,
      run.status,
      isoTime(run.startedWallMs).slice(0, 16).replace('T', ' '),
    ]),
    [25, 13, 14, 11, 18],
  );
}

export function runText(run: RunState): string {
  return [
    `${run.kind} of ${run.service}, ${run.from} to ${run.to}: ${run.status}`,
    `begun ${isoTime(run.startedWallMs)} by ${run.owner}, epoch ${run.epoch}`,
    '',
    table(
      run.records.map((record) => [
        `${record.seq}`,
        isoTime(record.wallMs).slice(11, 23),
        recordText(record),
      ]),
      [5, 14, 58],
    ),
  ].join('\n');
}

function recordText(record: JournalRecord): string {
  switch (record.type) {
    case 'mandate':
      return `approved by ${record.by}`;
    case 'taken-over':
      return `taken over by ${record.by}`;
    case 'intent':
      return `${record.step}: intent`;
    case 'outcome':
      return `${record.step}: ${record.result === 'acted' ? 'done' : 'already so'}, ${formatMs(record.durationMs)}`;
    case 'step-failed':
      return `${record.step}: FAILED, ${record.error.code}: ${record.error.message}`;
    case 'undo-intent':
      return `${record.step}: taking it back`;
    case 'undo-outcome':
      return `${record.step}: ${record.result === 'undone' ? 'taken back' : `not needed: ${record.note}`}`;
    case 'ended':
      return `${record.status}: ${record.reason}`;
  }
}

function table(rows: readonly (readonly string[])[], colWidths: number[]): string {
  const blank = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'];
  const more = [
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ];
  const chars = Object.fromEntries([...blank, ...more].map((name) => [name, '']));
  const out = new Table({
    chars,
    colWidths,
    wordWrap: true,
    style: { 'padding-left': 0, 'padding-right': 1, head: [], border: [] },
  });
  out.push(...rows.map((row) => [...row]));
  return out.toString();
}
