/**
 * `npm run stragglers`: one switchover with forwarding while the old region is alive. Reports the
 * outcome of the requests that still went there: failures, causes, added latency; and compares the
 * doors' conclusions with what the clients themselves know.
 *
 *   truth.ts  the doors' conclusions against the clients' records; pure
 */
import { Command } from '@commander-js/extra-typings';
import { type EpochReport, measure, type RequestRecord, type SurveyedResolver } from 'throwover';
import { portBaseOption, runCommand } from '../command-line.ts';
import { askMachine } from '../world/ask-machine.ts';
import type { Lab } from '../world/lab.ts';
import type { RegionName } from '../world/map.ts';
import { labOptions, timeScale } from '../world/options.ts';
import { recordRun } from '../world/record.ts';
import { clampMinutes, longHoldMinutes } from '../world/resolver-list.ts';
import { ttlSeconds } from '../world/service-file.ts';
import { withLab } from '../world/with-lab.ts';
import { beaconsOf, confusionOf, rightShare } from './truth.ts';

/** Live traffic before the switch, ms. */
const baselineMs = 3_000;

/** Number of requests without a straggler after which a curve has drained, and some more. */
const drainedRequests = 350;

type StragglerFigures = Awaited<ReturnType<typeof measureStragglers>>;

/** Resolvers as the survey would report them; the survey has a test of its own. */
const surveyed: readonly SurveyedResolver[] = [
  { identity: 'honest', behaviour: 'honest', clampLifeSeconds: null },
  { identity: 'clamped', behaviour: 'clamps-minimum', clampLifeSeconds: clampMinutes * 60 },
  { identity: 'long-hold', behaviour: 'clamps-minimum', clampLifeSeconds: longHoldMinutes * 60 },
].map((resolver) => ({ ...resolver, holdoversLifeMs: [] }));

/** Runs one switchover in a running lab, and returns all its figures. */
export async function measureStragglers(lab: Lab, show = false) {
  const from = await lab.active();
  const { evidence, journal } = await recordRun(lab, {
    kind: 'switchover',
    baselineMs,
    // No client is late any more after the longest hold.
    observeMs:
      (longHoldMinutes * 60_000) / timeScale +
      (drainedRequests * 1_000) / lab.options.requestsPerSecond,
    show,
  });
  const report = await forwarded(lab, from, journal.epoch + 1);
  if (evidence.flippedMs === null) throw new Error('nothing was flipped');
  const judged = confusionOf({
    records: evidence.requests,
    report,
    from,
    flippedWallMs: evidence.flippedMs,
    ttlSeconds,
    timeScale,
    resolvers: surveyed,
    beacons: beaconsOf(evidence.requests),
  });
  return {
    figures: measure(evidence),
    /** Number of failed requests by status (0: no answer), error and region. */
    failures: failuresOf(evidence.requests),
    stragglers: report.cells.reduce((sum, [, , pinned, fresh]) => sum + pinned + fresh, 0),
    addedMs: report.addedMs,
    ...judged,
    /** Share of stragglers whose cause the door named correctly. */
    rightShare: rightShare(judged.matrix),
  };
}

/** Returns what the door of the region that was left reports of this epoch. */
export async function forwarded(lab: Lab, from: RegionName, epoch: number): Promise<EpochReport> {
  const reports = await askMachine<readonly EpochReport[]>(
    lab.map,
    lab.map.regions[from].public.doorAdmin,
    `/v1/door/stragglers?sinceEpoch=${epoch}`,
  );
  const report = reports.find(({ role }) => role === 'forward');
  if (report === undefined) throw new Error(`the door of ${from} has forwarded nothing`);
  return report;
}

function failuresOf(requests: readonly RequestRecord[]): Readonly<Record<string, number>> {
  const failed = requests.filter(({ ok, stale }) => !ok && !stale);
  const reasons = Map.groupBy(
    failed,
    ({ entry, region, status, error }) =>
      `${status} ${error ?? 'without a code'} from ${region ?? entry ?? 'nowhere'}`,
  );
  return Object.fromEntries([...reasons].map(([reason, of]) => [reason, of.length]));
}

export function linesOf(measured: StragglerFigures): readonly string[] {
  const { figures, failures, stragglers, addedMs, matrix, compared, unmatched } = measured;
  const columns = Object.keys(matrix['resolver-tail']);
  const cell = (text: string) => text.padStart(18);
  return [
    `requests ${figures.requests}, failed ${figures.requestsFailed}; stragglers ${stragglers}`,
    ...Object.entries(failures).map(([reason, count]) => `  failed: ${count} x ${reason}`),
    addedMs === null
      ? 'latency added by forwarding: unknown'
      : `latency added by forwarding: p50 ${addedMs.p50.toFixed(0)} ms, p99 ${addedMs.p99.toFixed(0)} ms, of ${addedMs.count}`,
    `what it was (rows) and what the door said; ${compared} compared, ${unmatched} at the edge`,
    `${''.padEnd(18)}${columns.map(cell).join('')}`,
    ...Object.entries(matrix).map(
      ([cause, row]) => `${cause.padEnd(18)}${Object.values(row).map(String).map(cell).join('')}`,
    ),
    `named rightly: ${measured.rightShare === null ? 'unknown' : `${(measured.rightShare * 100).toFixed(1)} %`}`,
  ];
}

async function main(): Promise<void> {
  const given = new Command('npm run stragglers --')
    .addOption(portBaseOption())
    .option('--cached <share>', 'share of clients whose runtime keeps addresses', Number, 0.2)
    .option('--json', 'end with one line of JSON')
    .parse()
    .opts();
  const options = labOptions({
    portBase: given.portBase,
    runtimeCacheShare: given.cached,
    lagProfile: 'none',
  });
  const measured = await withLab(options, measureStragglers);
  const say = given.json ? console.error : console.log;
  for (const line of linesOf(measured)) say(line);
  if (given.json) console.log(JSON.stringify(measured));
  if (measured.figures.requestsFailed > 0) process.exitCode = 1;
}

if (import.meta.main) await runCommand(main);
