import { html } from 'hono/html';
import { formatMs } from '../../kernel/kernel.ts';
import type { StepRecord } from '../../records/records.ts';
import type { ShownRun } from './charts.ts';

/** Returns the steps of each run as bars on the run's own time axis. */
export function timelines(runs: readonly ShownRun[]) {
  return runs.map(timeline);
}

function timeline({ evidence, color }: ShownRun) {
  const { steps, firstActMs } = evidence;
  // A step observes before it acts, so the first one begins before the first act.
  const startMs = Math.min(firstActMs, ...steps.map((step) => step.startMs));
  const endMs = Math.max(startMs + 1, ...steps.map((step) => step.endMs));
  const share = (ms: number) => `${((100 * ms) / (endMs - startMs)).toFixed(3)}%`;
  return html`<figure class="card" style="--run: var(--${color})"><figcaption><h3 class="run-name">${evidence.kind}</h3></figcaption>
<ol class="timeline">
<li class="axis" aria-hidden="true"><span></span><span class="ends track" style="background:none;height:auto"><span>0</span><span>${formatMs(endMs - startMs)}</span></span><span></span></li>
${steps.map((step) => {
  const tookMs = step.endMs - step.startMs;
  return html`<li><span class="step">${step.title}${note(step)}</span>
<span class="track"><span class="bar ${step.kind} ${step.result}" title="${step.name}: ${formatMs(tookMs)}" style="left:min(${share(step.startMs - startMs)}, calc(100% - 3px));width:${share(tookMs)}"></span></span>
<span class="took">${formatMs(tookMs)}</span></li>`;
})}</ol></figure>`;
}

/**
 * Returns notes for a step: how the old side was attached, and whether the step failed or was done
 * already.
 */
function note({ evidence, result }: StepRecord) {
  const found: string[] = [];
  const way = evidence?.['way'];
  const bytes = evidence?.['bytesCopied'];
  if (typeof way === 'string') {
    found.push(typeof bytes === 'number' ? `${way}, ${formatBytes(bytes)} copied` : way);
  }
  if (result === 'failed') found.push('failed');
  if (result === 'already-done') found.push('was done already');
  return found.length === 0 ? '' : html` <span class="kind">${found.join(', ')}</span>`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
