import { html } from 'hono/html';
import { formatMs } from '../../kernel/kernel.ts';
import type { ShownRun } from './charts.ts';

/** Returns the answer, which comes first: met or not, a sentence, three figures. */
export function answers(runs: readonly ShownRun[]) {
  return html`<section class="answers" aria-label="The answer">${runs.map(answer)}</section>`;
}

function answer(run: ShownRun) {
  const { evidence, figures, color, series } = run;
  const met = figures.objectivesMet;
  const recovery =
    figures.rtoMs === null
      ? `> ${formatMs(series.recovery.atLeastLifeMs ?? 0)}`
      : formatMs(figures.rtoMs);
  return html`<article class="card answer ${met ? 'met' : ''}" style="--run: var(--${color})">
<header><h2 class="run-name" style="margin:0">${evidence.kind}</h2><span class="verdict">${met ? '✓ Objectives met' : '✗ Objectives not met'}</span></header>
<p>${sentence(run)}</p>
<dl><div><dt>Recovery, life time</dt><dd>${recovery}</dd></div>
<div><dt>Writes lost</dt><dd>${figures.writesLost}</dd></div>
<div><dt>Requests failed</dt><dd>${figures.requestsFailed}</dd></div></dl>
</article>`;
}

function sentence({ evidence, figures, series }: ShownRun): string {
  const { to, objectives } = evidence;
  const bound = `objective ${formatMs(objectives.rtoMs)}`;
  const recovered =
    figures.rtoMs === null
      ? `For at least ${formatMs(series.recovery.atLeastLifeMs ?? 0)} of life ${to} did not answer 99 % of requests correctly (${bound}).`
      : `After ${formatMs(figures.rtoMs)} of life ${to} answered 99 % of requests correctly (${bound}).`;
  const lost =
    figures.writesLost === 0
      ? `None of ${figures.writesAcknowledged} acknowledged writes was lost`
      : `${figures.writesLost} of ${figures.writesAcknowledged} acknowledged writes were lost`;
  const writers =
    figures.twoWritersMs === 0
      ? 'and never did both sides acknowledge writes at once.'
      : `and for ${formatMs(figures.twoWritersMs)} of lab time both sides acknowledged writes.`;
  return `${recovered} ${lost}, ${writers}`;
}
