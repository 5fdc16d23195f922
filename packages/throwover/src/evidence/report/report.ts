/**
 * One self-contained HTML file: the cost of the runs, the evidence for it, and definitions of the
 * words.
 *
 *   report.ts    the page, from the answer to the provenance
 *   answer.ts    one sentence and three figures for each run
 *   table.ts     the figures side by side, with their definitions
 *   timeline.ts  the steps as bars
 *   charts.ts    the charts as data and as sentences
 *   draw.js      draws them in the page, with uPlot
 *   report.css   typography, light and dark, narrow, print
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { html, raw } from 'hono/html';
import type { Figures, RunEvidence } from '../measurement/run-evidence.ts';
import { series } from '../measurement/series.ts';
import { answers } from './answer.ts';
import {
  type Chart,
  lagChart,
  latencyChart,
  requestChart,
  type ShownRun,
  stragglerChart,
  webhookChart,
} from './charts.ts';
import { figureTable } from './table.ts';
import { timelines } from './timeline.ts';

export interface ReportOptions {
  /** In the order in which they are shown; it reads best with the naive run first. */
  readonly runs: readonly { readonly evidence: RunEvidence; readonly figures: Figures }[];
  readonly title: string;
  /** ISO 8601. */
  readonly generatedAt: string;
  /** Further provenance of the figures: versions, seed, machine. */
  readonly provenance?: Readonly<Record<string, string | number>>;
}

export interface Report {
  /** One file that needs no network. */
  readonly html: string;
  /** The same data as JSON, to keep beside the HTML file. */
  readonly json: string;
}

/** Colours of report.css; more runs than these could not be compared at a glance. */
const colors = ['run-0', 'run-1', 'run-2', 'run-3'] as const;

export async function renderReport(options: ReportOptions): Promise<Report> {
  if (options.runs.length === 0 || options.runs.length > colors.length) {
    throw new RangeError(`a report shows 1 to ${colors.length} runs, not ${options.runs.length}`);
  }
  const runs = options.runs.map(
    (run, i): ShownRun => ({ ...run, series: series(run.evidence), color: colors[i] ?? 'run-0' }),
  );
  const charts = [
    stragglerChart(runs),
    latencyChart(runs),
    ...runs.map(requestChart),
    lagChart(runs),
    webhookChart(runs),
  ];
  const data = {
    title: options.title,
    generatedAt: options.generatedAt,
    provenance: options.provenance ?? {},
    runs: runs.map(({ evidence, figures, series }) => ({
      ...headOf(evidence),
      figures,
      series,
    })),
  };
  const page = await pageOf(options, runs, charts, JSON.stringify({ ...data, charts }));
  return { html: String(page), json: `${JSON.stringify(data, null, 2)}\n` };
}

/** Returns the evidence without its records, which are in a separate file. */
function headOf({ requests: _r, webhooks: _w, lag: _l, survivors, ...head }: RunEvidence) {
  return { ...head, survivors: survivors.region };
}

function pageOf(
  { title, generatedAt, provenance = {} }: ReportOptions,
  runs: readonly ShownRun[],
  charts: readonly Chart[],
  data: string,
) {
  const of = (...ids: string[]) => charts.filter(({ id }) => ids.includes(id)).map(figure);
  const perRun = charts.filter(({ id }) => id.startsWith('requests-')).map(figure);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${raw(packageFile('uplot/dist/uPlot.min.css'))}</style>
<style>${raw(ownFile('report.css'))}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="soft">${runs.map(({ evidence }) => evidence.kind).join(' and ')}, measured from the requests of clients. ${generatedAt.slice(0, 16).replace('T', ' ')} UTC.</p>
</header>
${scaleNote(runs)}
${answers(runs)}
<section aria-labelledby="figures"><h2 id="figures">Side by side</h2>
${figureTable(runs)}</section>
<section aria-labelledby="steps"><h2 id="steps">What was done, and how long it took</h2>
<p class="soft small">Bars show machine time. Hatched bars are waits; their time is scaled. A bar is never drawn thinner than 3 px.</p>
${timelines(runs)}</section>
<section aria-labelledby="moving"><h2 id="moving">Clients, moving</h2>
${of('stragglers')}
<div class="pair">${perRun}</div></section>
<section aria-labelledby="speed"><h2 id="speed">Speed</h2>
${of('latency')}</section>
<section aria-labelledby="behind"><h2 id="behind">What travelled behind</h2>
<div class="pair">${of('lag')}${of('webhooks')}</div></section>
<section aria-labelledby="provenance"><h2 id="provenance">Where this comes from</h2>
${provenanceTable(runs, provenance)}</section>
<footer><p>Figures are computed from every request that the clients sent; a failed one is never left out. Definitions in full: docs/measurement.md.</p></footer>
</main>
<script type="application/json" id="report-data">${raw(scriptSafe(data))}</script>
<script>${raw(scriptSafe(packageFile('uplot/dist/uPlot.iife.min.js'), false))}</script>
<script>${raw(ownFile('draw.js'))}</script>
</body>
</html>
`;
}

function scaleNote(runs: readonly ShownRun[]) {
  const scales = new Set(
    runs.map(({ evidence }) => evidence.timeScale).filter((scale) => scale !== 1),
  );
  if (scales.size === 0) return '';
  const scale = [...scales].join(' or ');
  return html`<p class="scale"><strong>Time in the lab is not real time.</strong> Waits on DNS, on connections and on retries pass ${scale} times faster here: ${
    scale === '60'
      ? '1 s in this lab is 1 min of life for waits'
      : `1 s in this lab is ${scale} s of life for waits`
  }. The work of machines (promotions, cold starts, answers) is never scaled. RTO and RPO are given in life time, as in production; charts and all other times show the lab’s.</p>`;
}

function figure({ id, title, summary }: Chart) {
  return html`<figure class="card"><figcaption><h3>${title}</h3><p class="says soft small" id="${id}-says">${summary}</p></figcaption>
<div class="chart" id="${id}" role="img" aria-label="${title}" aria-describedby="${id}-says"></div></figure>`;
}

function provenanceTable(
  runs: readonly ShownRun[],
  provenance: Readonly<Record<string, string | number>>,
) {
  const rows: [string, string][] = [
    ...runs.map(({ evidence }): [string, string] => [
      evidence.kind,
      `${evidence.runId}, ${evidence.from} to ${evidence.to}, recorded for ${Math.round((evidence.toMs - evidence.fromMs) / 1_000)} s: ${evidence.requests.length} requests, ${evidence.webhooks.length} webhooks, ${evidence.lag.length} samples of the lag`,
    ]),
    ...Object.entries(provenance).map(([name, value]): [string, string] => [name, String(value)]),
  ];
  return html`<table class="provenance small"><tbody>${rows.map(
    ([name, value]) =>
      html`<tr><th scope="row" class="name">${name}</th><td class="is">${value}</td></tr>`,
  )}</tbody></table>`;
}

/**
 * Makes text safe inside a script element: it cannot end the element. JSON is escaped; code that
 * would end it is refused.
 */
function scriptSafe(text: string, isJson = true): string {
  if (isJson) return text.replaceAll('<', '\\u003c');
  if (/<\/script|<!--/i.test(text)) throw new Error('a script that would end its own element');
  return text;
}

function ownFile(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
}

function packageFile(path: string): string {
  return readFileSync(createRequire(import.meta.url).resolve(path), 'utf8');
}
