/**
 * `npm run forecast-rounds -- --rounds 30 --out docs/results/forecast.jsonl`: measures whether
 * forecasts of how traffic moves are true, in switchovers that each have their own mix of
 * resolvers, pools and runtimes.
 *
 *   mix.ts      resolvers of a lab, and which clients use which in a round
 *   round.ts    one switchover: the forecast that throwover made before it, and what its clients saw
 *   truth.ts    when the clients had moved, by their own records
 *   results.ts  scores, the file of results and its table
 *
 * The survey is `throwover dns survey`, once for each lab; weights come from beacons; the first
 * three rounds only provide earlier runs (fewer than three are *unknown*) and are not scored. With
 * `--out` each round is stored when it ends, and the same command continues after the last one.
 * Exit code 1 when the forecasts miss their targets.
 */
import { Command } from '@commander-js/extra-typings';
import { isoTime, seededRandom, systemClock } from 'throwover/kernel';
import { commitHere, portBaseOption, runCommand, wholeNumber } from '../command-line.ts';
import { keepSeries, readSeries } from '../results/series.ts';
import { type LabOptions, labOptions } from '../world/options.ts';
import { throwoverJson } from '../world/throwover-cli.ts';
import { withLab } from '../world/with-lab.ts';
import { resolversOf } from './mix.ts';
import {
  confusionSum,
  type ForecastRound,
  forecastSeries,
  percent,
  scored,
  verdictOf,
  verdictText,
} from './results.ts';
import { playForecastRound } from './round.ts';

/** With fewer runs than this, throwover reports their figures as unknown. */
const learningRounds = 3;

/** Share of the requests that functions answer: functions are what a busy machine runs short of. */
const functionShare = 0.1;

/**
 * Returns the lab of these rounds: many resolvers, clients that report which one they use, nothing
 * that delays a switch.
 */
export function forecastLab(given: Partial<LabOptions> & { readonly seed: number }): LabOptions {
  return labOptions({
    ...{ clients: 40, requestsPerSecond: 15, assetsPerSecond: 135 },
    ...{ webhooksPerSecond: 1, beaconsPerSecond: 25 },
    ...{ lagProfile: 'none', latencyMs: 20 },
    // Starting instances vary most before a flip: seconds here, which are minutes of life time.
    ...{ warmStrategy: 'nothing', warm: 6 },
    resolvers: resolversOf(given.seed),
    ...given,
  });
}

/** Plays rounds `first` to `last` in one lab, after the learning rounds. */
export async function playForecastRounds(asked: {
  readonly lab: LabOptions;
  readonly first: number;
  readonly last: number;
  readonly learning: number;
  readonly each: (
    round: Pick<ForecastRound, 'round' | 'learning'> &
      Awaited<ReturnType<typeof playForecastRound>>,
  ) => Promise<void>;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { first, last, learning, each, say } = asked;
  await withLab(asked.lab, async (lab) => {
    say('surveying the resolvers');
    await throwoverJson(['dns', 'survey'], lab.options.dir);
    const numbers = Array.from(
      { length: learning + last - first + 1 },
      (_, n) => first - learning + n,
    );
    for (const [index, number] of numbers.entries()) {
      const isLearning = number < first;
      // Learning rounds are drawn separately: after an interruption they are different ones.
      const stream = isLearning ? 500_000 + 10 * first + index : number;
      const played = await playForecastRound(lab, {
        firstNetwork: index * lab.options.clients,
        random: seededRandom(lab.options.seed * 1_000_003 + stream),
      });
      await each({ ...played, round: number, learning: isLearning });
    }
  });
}

export function lineOf(round: ForecastRound): string {
  const part = (share: 't90' | 't99') => {
    const { predictedLifeMs, truthLifeMs, inside } = scored(round, share);
    const { p5LifeMs, p95LifeMs } = round.forecast[share];
    const s = (ms: number | null) => (ms === null ? '?' : `${(ms / 1_000).toFixed(0)} s`);
    return `${share} ${s(predictedLifeMs)} [${s(p5LifeMs)} ${s(p95LifeMs)}], was ${s(truthLifeMs)}${inside ? '' : ' OUTSIDE'}`;
  };
  const name = round.learning ? 'to learn' : `round ${round.round}`;
  return `${name} to ${round.to}: ${part('t90')}; ${part('t99')}`;
}

export function verdictLines(rounds: readonly ForecastRound[]): readonly string[] {
  const verdict = verdictOf(rounds);
  const { rounds: count, medianError, medianBias, inside } = verdict;
  return [
    ...(['t90', 't99'] as const).map(
      (share) =>
        `${share}: median error ${percent(medianError[share])} (bias ${percent(medianBias[share])}), ${inside[share]} of ${count} inside`,
    ),
    ...Object.entries(confusionSum(rounds)).map(
      ([cause, said]) =>
        `${cause}: ${Object.entries(said)
          .map(([name, n]) => `${name} ${n}`)
          .join(', ')}`,
    ),
    verdictText(verdict),
  ];
}

async function main(): Promise<void> {
  const given = new Command('npm run forecast-rounds --')
    .option('--rounds <n>', 'switchovers that are scored', wholeNumber, 30)
    .option('--out <file>', 'keeps each round here, and its table in the README beside it')
    .option(
      '--rps <n>',
      'requests per second; lower it where the machine is busy',
      wholeNumber,
      150,
    )
    .option('--seed <n>', 'seed of resolvers and mixes', wholeNumber, 1)
    .addOption(portBaseOption(12_300, 80))
    .option('--json', 'end with one line of JSON')
    .parse()
    .opts();
  const { seed, out, portBase, rps } = given;
  const say = given.json ? console.error : console.log;
  const commit = commitHere();
  const rounds =
    out === undefined
      ? []
      : [...(await readSeries(out, forecastSeries))].filter((round) => round.seed === seed);
  const first =
    1 + Math.max(0, ...rounds.filter(({ learning }) => !learning).map(({ round }) => round));
  if (first <= given.rounds) {
    await playForecastRounds({
      lab: forecastLab({
        ...{ seed, portBase },
        requestsPerSecond: rps * functionShare,
        assetsPerSecond: rps * (1 - functionShare),
      }),
      ...{ first, last: given.rounds, learning: learningRounds },
      each: async (played) => {
        const round = { seed, commit, at: isoTime(systemClock.wallMs()), ...played };
        rounds.push(round);
        if (out !== undefined) await keepSeries(out, forecastSeries, round);
        say(lineOf(round));
      },
      say,
    });
  }
  for (const text of verdictLines(rounds)) say(text);
  if (given.json) console.log(JSON.stringify({ ...verdictOf(rounds), rounds }));
  if (verdictOf(rounds).good !== true) process.exitCode = 1;
}

if (import.meta.main) {
  await runCommand(main);
}
