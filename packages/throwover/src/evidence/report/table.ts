import { html } from 'hono/html';
import { type FigureRow, figureRows, isBetter } from '../measurement/rows.ts';
import type { ShownRun } from './charts.ts';
import { naiveKind } from './comparison.ts';

const kinds = { count: '', lab: 'lab time', life: 'life time' } as const;

/** Returns a table of every figure of every run, with its count and a definition in plain words. */
export function figureTable(runs: readonly ShownRun[]) {
  return html`<table class="figures"><thead><tr><th scope="col">Figure</th>${runs.map(
    ({ evidence, color }) =>
      html`<th scope="col"><span class="run-name" style="--run: var(--${color})">${evidence.kind}</span></th>`,
  )}<th scope="col">What it means</th></tr></thead>
<tbody>${figureRows.map(
    (row) => html`<tr><th scope="row">${row.label} <span class="kind">${kinds[row.unit]}</span></th>
${runs.map((run) => cell(row, run, runs))}<td class="definition">${row.definition}</td></tr>`,
  )}</tbody></table>`;
}

function cell(row: FigureRow, run: ShownRun, runs: readonly ShownRun[]) {
  const { figures, evidence, series } = run;
  const count = [row.aside?.(figures), row.count(figures)]
    .filter((part) => part != null)
    .join(', ');
  const better =
    evidence.kind === naiveKind &&
    runs.some((other) => other !== run && isBetter(row, figures, other.figures));
  const unfinished =
    row.name === 'holdoverMs.max' && series.holdovers.some((one) => one.unfinished);
  return html`<td class="value" data-run="${evidence.kind}"><b>${unfinished ? 'at least ' : ''}${row.text(figures)}</b>${
    count === '' ? '' : html`<span class="count">${count}</span>`
  }${better ? html`<span class="mark">${naiveKind} was better here</span>` : ''}</td>`;
}
