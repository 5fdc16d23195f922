/**
 * `npm start`: two regions with live traffic, switched in two ways, with the cost of both side by
 * side.
 *
 * `--json`: the last line is `{flipOnly, switchover}`. `--keep`: the lab keeps running.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { type Figures, measure, renderComparison, renderReport } from 'throwover';
import { formatMs, isoTime, isThrowoverError, systemClock } from 'throwover/kernel';
import { anyNumber, lagOption, portBaseOption, runCommand } from './command-line.ts';
import { Interrupted } from './signals.ts';
import { control, nextSteps } from './world/control.ts';
import type { Lab } from './world/lab.ts';
import { labOptions, timeScale } from './world/options.ts';
import { type Recorded, recordRun } from './world/record.ts';
import { withLab } from './world/with-lab.ts';

/** Live traffic before each switch, ms: about 600 requests for the baseline. */
const baselineMs = 10_000;

const given = new Command('npm start --')
  .description('Rehearse a failover between two real regions on this machine')
  .option('--json', 'end with one line of JSON: {flipOnly, switchover}')
  .option('--keep', 'leave the lab running')
  .option('--seed <n>', 'seed of the traffic', anyNumber, 1)
  .option('--latency <ms>', 'one way between the regions', anyNumber, 40)
  .addOption(lagOption())
  .option('--pg-bin <dir>', 'directory of PostgreSQL 14 to 18 binaries')
  .addOption(portBaseOption())
  .option('--reports <dir>', 'where the report goes', 'reports')
  .parse()
  .opts();

const started = systemClock.monotonicMs();
const say = (line: string) => {
  const seconds = Math.round((systemClock.monotonicMs() - started) / 1_000);
  (given.json ? process.stderr : process.stdout).write(`${`${seconds} s`.padStart(5)}  ${line}\n`);
};

async function main(): Promise<void> {
  const options = labOptions({
    seed: given.seed,
    latencyMs: given.latency,
    lagProfile: given.lag,
    pgBin: given.pgBin ?? null,
    portBase: given.portBase,
  });
  let concluded = false;
  say('starting two regions, a witness, DNS, clients and a webhook sender');
  try {
    await withLab(options, async (lab) => {
      say('here 1 s is 1 min of life for DNS and retries; machines are not scaled');
      const flipOnly = await throwSwitch(lab, 'flip-only');
      say('putting everything back as it was');
      await lab.reset();
      const switchover = await throwSwitch(lab, 'switchover');
      await conclude(flipOnly, switchover);
      concluded = true;
      if (!given.keep) return;
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      control(lab, end);
      say(await nextSteps(lab));
      await ended;
    });
  } catch (error) {
    if (isThrowoverError(error, 'functions-quota')) {
      say('on a busy machine slow answers look like more traffic: close other heavy work first');
    }
    // With --keep it runs until Ctrl-C: that is its end, not an error.
    if (!(concluded && error instanceof Interrupted)) throw error;
  }
}

async function throwSwitch(lab: Lab, kind: 'flip-only' | 'switchover'): Promise<Recorded> {
  say(`${kind}: ${baselineMs / 1_000} s of traffic, then the switch from east to west`);
  const recorded = await recordRun(lab, { kind, baselineMs, observeMs: null, show: !given.json });
  const { rtoMs } = measure(recorded.evidence);
  say(`${kind}: done, RTO ${rtoMs === null ? 'not reached' : formatMs(rtoMs)} of life time`);
  return recorded;
}

async function conclude(flipOnly: Recorded, switchover: Recorded): Promise<void> {
  const runs = [flipOnly, switchover].map(({ evidence }) => ({
    evidence,
    figures: measure(evidence),
  }));
  const generatedAt = isoTime(systemClock.wallMs());
  const dir = resolve(given.reports, generatedAt.replaceAll(':', '-').slice(0, 19));
  await mkdir(dir, { recursive: true });
  const report = resolve(dir, 'report.html');
  const title = 'checkout: flip-only beside switchover';
  const { html, json } = await renderReport({
    runs,
    title,
    generatedAt,
    provenance: { seed: given.seed, latencyOneWayMs: given.latency, lagProfile: given.lag },
  });
  await writeFile(report, html);
  await writeFile(resolve(dir, 'report.json'), json);
  const [first, second] = runs.map(({ figures }) => figures);
  if (!first || !second) throw new Error('two runs were recorded');
  const figures = { flipOnly: first, switchover: second } satisfies Record<string, Figures>;
  if (!given.json) {
    const table = renderComparison(
      { 'flip-only': first, switchover: second },
      { columns: 80, timeScale },
    );
    process.stdout.write(`\n${table}\n`);
  }
  say(`report: ${report}`);
  if (given.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

await runCommand(main);
