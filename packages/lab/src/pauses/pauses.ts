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
import { formatMs, isoTime, type Random, seededRandom, systemClock } from 'throwover/kernel';
import { judge } from '../chaos/oracle.ts';
import { planned } from '../chaos/play.ts';
import { underTraffic } from '../chaos/round.ts';
import { verdictText } from '../chaos/violations.ts';
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

async function play(lab: Lab, round: number, random: Random): Promise<PausesRound> {
  const played = await underTraffic(lab, `pauses-${round}`, async (from) => {
    const faultMs = systemClock.wallMs();
    const pauser = new Pauser(lab, random);
    const seen = await moved(lab, otherRegion(from)).finally(() => pauser.end());
    const { tries, ...move } = seen;
    return {
      ...planned({ ...move, faultMs, approvedMs: faultMs }),
      ...{ tries, pauses: pauser.pauses },
    };
  });
  const { violations, figures } = judge(played);
  const { from, active, tries, pauses, tookMs } = played;
  const { acknowledged, lostAcknowledged, failed, writeGapMs, webhooks } = figures;
  return {
    ...{ round, from, active, violations: [...violations], tries, pauses },
    ...{ acknowledged, lostAcknowledged, failed, writeGapMs, webhooks, tookMs },
  };
}

function lineOf(result: PausesRound): string {
  const { round, from, active, violations, pauses, tries, tookMs } = result;
  const said = pauses.map(({ part, ms }) => `${part} ${(ms / 1_000).toFixed(1)} s`).join(', ');
  return [
    `round ${round} from ${from}, active ${active} after ${tries} tries, ${formatMs(tookMs)}: ${verdictText(violations)}`,
    `${result.acknowledged} writes, ${result.lostAcknowledged} lost, ${result.failed} failed, ${result.webhooks} webhooks`,
    `paused ${said}`,
  ].join('; ');
}

await runCommand(main);
