/**
 * `npm run read-your-writes -- --switchovers 50 --failovers 20`: clients read what they have just
 * written, half of them with the token of their write, through switches of both kinds.
 *
 *   round.ts    one switchover or failover under traffic
 *   tokens.ts   every token is shown after the round, those of lost writes in all later ones too
 *   judge.ts    stale reads, and whether exactly the lost writes were reported as `lost`: pure
 *   latency.ts  the cost of the token
 *   results.ts  the file of results and its table
 *
 * Exit code 1 when a read with a token was stale, or a `lost` was wrong or missing.
 */
import { Command } from '@commander-js/extra-typings';
import { formatMs, isoTime, type Quantiles, seededRandom, systemClock } from 'throwover/kernel';
import { RoundTraffic } from '../chaos/traffic.ts';
import { verdictText } from '../chaos/violations.ts';
import type { ClientRecord, OwnRead } from '../clients/own-reads.ts';
import { commitHere, portBaseOption, runCommand, wholeNumber } from '../command-line.ts';
import { keepSeries } from '../results/series.ts';
import type { Lab } from '../world/lab.ts';
import { type LabOptions, labOptions } from '../world/options.ts';
import { withLab } from '../world/with-lab.ts';
import { type ReadLatency, readLatency, waitedMs } from './latency.ts';
import { type RoundResult, readYourWritesSeries } from './results.ts';
import { drawn, playRound } from './round.ts';
import { Tokens } from './tokens.ts';

/** Number of answers before the quiet phase, as a share of those in it. */
const warmShare = 0.25;

/**
 * Returns the lab of these rounds: half of the clients with the token, and a lag around the time
 * that a read waits.
 */
export function readYourWritesLab(given: Partial<LabOptions>): LabOptions {
  return labOptions({
    lagProfile: 'short',
    requestsPerSecond: 40,
    webhooksPerSecond: 1,
    // This measures who reads what, not how long caches hold.
    resolverShares: { honest: 1, clamped: 0, longHold: 0 },
    keepWarm: '10s',
    warm: 3,
    readYourWrites: { tokenShare: 0.5 },
    ...given,
  });
}

export interface Measured {
  readonly quiet: ReadLatency;
  readonly rounds: readonly RoundResult[];
  readonly waitedMs: Quantiles | null;
}

/**
 * Runs a quiet phase, then the rounds. `each` is called after every round; its results stay valid
 * when a later round fails.
 */
export async function measureReadYourWrites(
  lab: Lab,
  asked: {
    readonly switchovers: number;
    readonly failovers: number;
    readonly seed: number;
    /** Number of answers in the quiet phase. */
    readonly quietAnswers: number;
  },
  each: (sofar: Measured) => void,
): Promise<void> {
  const random = seededRandom(asked.seed);
  const tokens = new Tokens(random);
  const quiet = await quietPhase(lab, asked.quietAnswers);
  const rounds: RoundResult[] = [];
  const reads: OwnRead[] = [];
  for (const [index, kind] of drawn(asked, asked.seed).entries()) {
    const round = index + 1;
    const name = `read-your-writes-${round}`;
    const { figures, violations, records, tookMs } = await playRound(
      lab,
      { kind, name },
      { random, tokens },
    );
    reads.push(...records.flatMap(({ own }) => own ?? []));
    rounds.push({ round, kind, violations: [...violations], ...figures, tookMs });
    each({ quiet, rounds, waitedMs: waitedMs(reads) });
  }
}

async function quietPhase(lab: Lab, answers: number): Promise<ReadLatency> {
  const traffic = await RoundTraffic.start(lab, 'read-your-writes-quiet');
  // The first answers meet cold functions and new connections.
  await traffic.more(Math.ceil(answers * warmShare), answers * 1_000);
  const fromMs = systemClock.wallMs();
  await traffic.more(answers, answers * 1_000);
  const records: readonly ClientRecord[] = (await traffic.end()).requests;
  return readLatency(
    records.filter(({ sentMs }) => sentMs >= fromMs),
    await lab.active(),
  );
}

export function lineOf({ round, kind, violations, tookMs, ...seen }: RoundResult): string {
  const half = ({ fresh, stale, silentLoss, lost, failed, ...other }: RoundResult['withToken']) =>
    `${fresh} fresh, ${stale} stale (${silentLoss} of lost writes), ${other['not-yet'] + other.undecided} refused, ${lost} said lost, ${failed} failed, ${other.routed} routed`;
  return [
    `round ${round}, ${kind}, ${formatMs(tookMs)}: ${verdictText(violations)}`,
    `${seen.writes} writes, ${seen.lost} lost, ${seen.lostSaid} of them said, ${seen.lostWrongly} wrongly, ${seen.shown} tokens shown`,
    `with the token ${half(seen.withToken)}`,
    `without ${half(seen.withoutToken)}`,
  ].join('; ');
}

if (import.meta.main) await runCommand(main);

async function main(): Promise<void> {
  const given = new Command('npm run read-your-writes --')
    .option('--switchovers <n>', 'how many', wholeNumber, 5)
    .option('--failovers <n>', 'how many', wholeNumber, 2)
    .option('--out <file>', 'adds the results to this file, and its table to the README beside it')
    .option('--seed <n>', 'seed of traffic, order and faults', wholeNumber, 1)
    .option('--latency <ms>', 'one way between the regions', wholeNumber, 40)
    .option('--quiet <n>', 'answers in the quiet phase', wholeNumber, 1_500)
    .addOption(portBaseOption(12_000))
    .option('--json', 'end with one line of JSON')
    .parse()
    .opts();
  const say = given.json ? console.error : console.log;
  const { seed, portBase, latency: latencyMs } = given;
  const commit = commitHere();
  let measured: Measured | null = null;
  const options = readYourWritesLab({ seed, portBase, latencyMs });
  const each = (sofar: Measured) => {
    measured = sofar;
    const newest = sofar.rounds.at(-1);
    if (newest) say(lineOf(newest));
  };
  const asked = { ...given, quietAnswers: given.quiet };
  try {
    await withLab(options, (lab) => measureReadYourWrites(lab, asked, each));
  } finally {
    const seen = measured as Measured | null;
    if (seen !== null) {
      const series = { seed, commit, at: isoTime(systemClock.wallMs()), latencyMs, ...seen };
      const whole = { ...series, rounds: [...seen.rounds] };
      if (given.out !== undefined) await keepSeries(given.out, readYourWritesSeries, whole);
      say(readYourWritesSeries.render([whole]));
      if (given.json) console.log(JSON.stringify(whole));
      if (seen.rounds.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
    }
  }
}
