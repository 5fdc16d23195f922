/**
 * `npm run pauses -- --rounds 10`: a service moves back and forth while its processes are paused
 * (SIGSTOP, 0.2 to 12 s, SIGCONT), one after the other, chosen at random by a seed that is printed.
 *
 *   parts.ts    which process is which part
 *   pauser.ts   pauses one process after the other
 *   mover.ts    a person who retries the switchover until it is done
 *   results.ts  the file of results and its table
 *
 * Each round is judged like those of `npm run chaos`: no acknowledged write is missing, none is
 * there twice. Exit code 1 when a round violated anything.
 */
import { Command } from '@commander-js/extra-typings';
import { formatMs, isoTime, seededRandom, systemClock } from 'throwover/kernel';
import { judge } from '../chaos/oracle.ts';
import { delivered, settled } from '../chaos/settle.ts';
import { ledgerKept, readSide } from '../chaos/sides.ts';
import { RoundTraffic } from '../chaos/traffic.ts';
import { commitHere, portBaseOption, runCommand, wholeNumber } from '../command-line.ts';
import { keepSeries } from '../results/series.ts';
import type { Lab } from '../world/lab.ts';
import { otherRegion } from '../world/map.ts';
import { labOptions } from '../world/options.ts';
import { withLab } from '../world/with-lab.ts';
import { moved } from './mover.ts';
import { Pauser } from './pauser.ts';
import { type PausesRound, pausesSeries } from './results.ts';

const given = new Command('npm run pauses --')
  .option('--rounds <n>', 'how many switchovers', wholeNumber, 10)
  .option('--seed <n>', 'seed of traffic and pauses; default: a new one, printed', wholeNumber)
  .option('--rate <n>', 'requests that the clients send a second', wholeNumber, 20)
  .option('--out <file>', 'adds the results to this file, and writes the table beside it')
  .addOption(portBaseOption(14_000))
  .option('--json', 'end with one line of JSON')
  .parse()
  .opts();

/** Limit that keeps seeds short to type. */
const seeds = 1_000_000;

async function main(): Promise<void> {
  const seed = given.seed ?? Math.floor(systemClock.wallMs()) % seeds;
  console.log(`seed ${seed}`);
  const options = labOptions({
    ...{ seed, portBase: given.portBase, lagProfile: 'none' },
    requestsPerSecond: given.rate,
    webhooksPerSecond: 3,
    // Honest resolvers: this judges what was written, not how long caches hold.
    resolverShares: { honest: 1, clamped: 0, longHold: 0 },
    ...{ keepWarm: '10s', warm: 3 },
  });
  const random = seededRandom(seed);
  const rounds: PausesRound[] = [];
  try {
    await withLab(options, async (lab) => {
      for (let round = 1; round <= given.rounds; round++) {
        const result = await play(lab, round, random);
        rounds.push(result);
        console.log(lineOf(result));
      }
    });
  } finally {
    if (given.out !== undefined && rounds.length > 0) {
      const { rate: requestsPerSecond } = given;
      const at = isoTime(systemClock.wallMs());
      const series = { seed, commit: commitHere(), at, requestsPerSecond, rounds };
      await keepSeries(given.out, pausesSeries, series);
    }
  }
  const violating = rounds.filter(({ violations }) => violations.length > 0).length;
  console.log(`seed ${seed}: ${rounds.length} rounds, ${violating} with violations`);
  if (given.json) console.log(JSON.stringify({ ...given, seed, violating, rounds }));
  if (violating > 0) process.exitCode = 1;
}

async function play(
  lab: Lab,
  round: number,
  random: ReturnType<typeof seededRandom>,
): Promise<PausesRound> {
  const startedMs = systemClock.monotonicMs();
  const from = await lab.active();
  const to = otherRegion(from);
  await ledgerKept(lab.map, from);
  const traffic = await RoundTraffic.start(lab, `pauses-${round}`);
  const faultMs = systemClock.wallMs();
  const pauser = new Pauser(lab, random);
  const { active, tries, epochOpenedMs } = await moved(lab, to).finally(() => pauser.end());
  await traffic.more(20, 60_000);
  const { requests, webhooks } = await traffic.end();
  await settled(lab, active, { switched: active !== from });
  await delivered(lab);
  const survivors = await readSide(lab.map, active);
  const { violations, figures } = judge({
    ...{ planned: true, twoWritersAccepted: false, lossBoundMs: 0, old: null, ledger: null },
    ...{ from, active, faultMs, approvedMs: faultMs, epochOpenedMs, wokeMs: null },
    ...{ requests, webhooks, survivors },
  });
  const { acknowledged, lostAcknowledged, failed, writeGapMs } = figures;
  return {
    ...{ round, from, active, violations: [...violations], tries },
    pauses: pauser.pauses,
    ...{ acknowledged, lostAcknowledged, failed, writeGapMs, webhooks: webhooks.length },
    tookMs: Math.round(systemClock.monotonicMs() - startedMs),
  };
}

function lineOf(result: PausesRound): string {
  const { round, from, active, violations, pauses, tries, tookMs } = result;
  const said = pauses.map(({ part, ms }) => `${part} ${(ms / 1_000).toFixed(1)} s`).join(', ');
  return [
    `round ${round} from ${from}, active ${active} after ${tries} tries, ${formatMs(tookMs)}: ${violations.length === 0 ? 'clean' : `VIOLATED: ${violations.join('; ')}`}`,
    `${result.acknowledged} writes, ${result.lostAcknowledged} lost, ${result.failed} failed, ${result.webhooks} webhooks`,
    `paused ${said}`,
  ].join('; ');
}

await runCommand(main);
