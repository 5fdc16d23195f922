import { formatMs } from '../../kernel/kernel.ts';
import { type FigureRow, figureRows, isBetter } from '../measurement/rows.ts';
import type { Figures } from '../measurement/run-evidence.ts';

/** The kind of run that the others are compared with. */
export const naiveKind = 'flip-only';

/** Width of the narrowest terminal that fits a label and two values. */
const minColumns = 60;

/**
 * Returns the figures of several runs side by side, for a terminal. Keys are kinds of run, in their
 * order. A star marks a figure where the naive runbook was better.
 */
export function renderComparison(
  figuresByRun: Readonly<Record<string, Figures>>,
  options: { readonly columns: number; readonly timeScale: number },
): string {
  const runs = Object.entries(figuresByRun);
  const width = Math.max(minColumns, Math.min(options.columns, 100));
  const labelWidth = 26;
  const cellWidth = Math.floor((width - labelWidth) / Math.max(1, runs.length));
  const line = (label: string, cells: readonly string[]) =>
    [label.padEnd(labelWidth), ...cells.map((cell) => fit(cell, cellWidth))].join('').trimEnd();
  const rule = '─'.repeat(labelWidth + cellWidth * runs.length);

  const rows = figureRows.map((row) => ({
    label: row.label,
    cells: runs.map(([kind, figures]) => cellOf(row, kind, figures, figuresByRun)),
  }));
  const starred = rows.some(({ cells }) => cells.some((cell) => cell.endsWith('*')));
  return [
    line(
      '',
      runs.map(([kind]) => kind),
    ),
    rule,
    line(
      'Objectives',
      runs.map(([, figures]) => (figures.objectivesMet ? 'met' : 'NOT MET')),
    ),
    ...rows.map(({ label, cells }) => line(label, cells)),
    rule,
    ...objectivesNote(runs.map(([, figures]) => figures)),
    ...scaleNote(options.timeScale),
    ...(starred ? [`* ${naiveKind} was better here.`] : []),
  ].join('\n');
}

function cellOf(
  row: FigureRow,
  kind: string,
  figures: Figures,
  all: Readonly<Record<string, Figures>>,
): string {
  const others = Object.entries(all).filter(([other]) => other !== kind);
  const better = kind === naiveKind && others.some(([, other]) => isBetter(row, figures, other));
  const of = row.count(figures)?.startsWith('of ') ? ` ${row.count(figures)}` : '';
  const aside = row.aside?.(figures) ?? null;
  return `${row.text(figures)}${aside === null ? '' : ` (${aside})`}${of}${better ? ' *' : ''}`;
}

function objectivesNote(all: readonly Figures[]): string[] {
  const bounds = all[0]?.objectives.map(
    ({ name, boundMs }) => `${name.toUpperCase()} ${boundMs === 0 ? '0' : formatMs(boundMs)}`,
  );
  return bounds === undefined ? [] : [`Objectives, in life time: ${bounds.join(', ')}.`];
}

function scaleNote(timeScale: number): string[] {
  if (timeScale === 1) return [];
  return [
    `RTO and RPO are life time; the rest is time in this lab, where waits on DNS,`,
    `connections and retries pass ${timeScale} times faster than in life.`,
  ];
}

/** Pads or cuts a text to the width; an ellipsis marks a cut. */
function fit(text: string, width: number): string {
  const room = width - 1;
  return (text.length <= room ? text : `${text.slice(0, room - 1)}…`).padEnd(width);
}
