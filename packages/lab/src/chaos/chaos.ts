/**
 * `npm run chaos -- --kind K --rounds N --out FILE`: rounds of one kind of disaster, done to real
 * processes under load, each judged from outside.
 *
 *   kinds.ts     the kinds of disaster, by name
 *   play.ts      input and result of a kind; a failover with its region's return
 *   reboot-own-start.ts managed-hba.ts foreign-standby.ts  kinds that need a page
 *   own-writer.ts  an application that knows the old database's own address
 *   round.ts     a round from its first request to its last
 *   traffic.ts   clients and webhook sender of one round
 *   sides.ts     the contents of the databases
 *   oracle.ts    the judge: pure
 *   settle.ts    waits until everything is in order for the next round
 *   results.ts   the file of results and its table
 *
 * Exit code 1 when a round violated anything. Ctrl-C keeps the rounds that have ended.
 */
import { Command, Option } from '@commander-js/extra-typings';
import { formatMs, isoTime, type Random, seededRandom, systemClock } from 'throwover/kernel';
import {
  commitHere,
  fenceOption,
  portBaseOption,
  runCommand,
  wholeNumber,
} from '../command-line.ts';
import { keepSeries } from '../results/series.ts';
import type { Lab } from '../world/lab.ts';
import { labOptions } from '../world/options.ts';
import { withLab } from '../world/with-lab.ts';
import { type Kind, kinds } from './kinds.ts';
import { judge } from './oracle.ts';
import { chaosSeries, type RoundResult } from './results.ts';
import { underTraffic } from './round.ts';
import { verdictText } from './violations.ts';

const given = new Command('npm run chaos --')
  .addOption(
    new Option('--kind <kind>', 'what is done')
      .choices(Object.keys(kinds) as Kind[])
      .makeOptionMandatory(),
  )
  .option('--rounds <n>', 'how many', wholeNumber, 5)
  .option('--out <file>', 'adds the results to this file, and writes the table beside it')
  .option('--seed <n>', 'seed of traffic and faults', wholeNumber, 1)
  .option('--latency <ms>', 'one way between the regions', wholeNumber, 40)
  .option('--rate <n>', 'requests that the clients send a second', wholeNumber, 40)
  .addOption(fenceOption())
  .addOption(portBaseOption(11_000))
  .option('--json', 'end with one line of JSON')
  .parse()
  .opts();

async function main(): Promise<void> {
  const options = labOptions({
    seed: given.seed,
    portBase: given.portBase,
    latencyMs: given.latency,
    lagProfile: 'none',
    requestsPerSecond: given.rate,
    webhooksPerSecond: 5,
    // Honest resolvers: this measures who may write, not how long caches hold.
    resolverShares: { honest: 1, clamped: 0, longHold: 0 },
    keepWarm: '10s',
    warm: 3,
    writerFence: given.fence,
  });
  const rounds: RoundResult[] = [];
  const random = seededRandom(given.seed);
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
      const { kind, fence, seed, latency: latencyMs, rate: requestsPerSecond } = given;
      const made = { commit: commitHere(), at: isoTime(systemClock.wallMs()) };
      const series = { kind, fence, seed, ...made, latencyMs, requestsPerSecond, rounds };
      await keepSeries(given.out, chaosSeries, series);
    }
  }
  const violating = rounds.filter(({ violations }) => violations.length > 0).length;
  console.log(
    `${given.kind}, ${given.fence}: ${rounds.length} rounds, ${violating} with violations`,
  );
  if (given.json) console.log(JSON.stringify({ ...given, violating, rounds }));
  if (violating > 0) process.exitCode = 1;
}

async function play(lab: Lab, round: number, random: Random): Promise<RoundResult> {
  const played = await underTraffic(lab, `${given.kind}-${round}`, (from, traffic) =>
    kinds[given.kind]({ lab, from, random, fence: given.fence, traffic, round }),
  );
  const { violations, figures } = judge(played);
  const { from, lossBoundMs, tookMs } = played;
  return {
    round,
    from,
    violations: [...violations, ...(played.violations ?? [])],
    ...figures,
    lossBoundMs,
    tookMs,
  };
}

function lineOf(result: RoundResult): string {
  const { round, from, violations, tookMs } = result;
  const ms = (value: number | null) => (value === null ? '-' : `${Math.round(value)} ms`);
  return [
    `round ${round} from ${from}, ${formatMs(tookMs)}: ${verdictText(violations)}`,
    `${result.acknowledged} writes, ${result.lostAcknowledged} lost (+${result.lostUnacknowledged} never acknowledged)`,
    `first write ${ms(result.faultToWriteMs)} after the fault, ${ms(result.approvalToWriteMs)} after approval`,
    `gap ${ms(result.writeGapMs)}, failed ${result.failed}, late commits ${result.lateCommits}`,
  ].join('; ');
}

await runCommand(main);
