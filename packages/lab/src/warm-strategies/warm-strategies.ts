/**
 * `npm run warm-strategies -- --rounds 10`: measures each strategy for warm functions, in
 * switchovers under load: p99 of the first five minutes over the baseline, and the cost at list
 * price.
 *
 *   round.ts    one switchover into a region that is cold
 *   busy.ts     how busy the machine is meanwhile
 *   results.ts  the file of results, its table, and the recommendation
 *
 * Exit code 1 when no strategy is within 1.2 times the baseline at 2 % of the price of always-on.
 */
import { join } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import type { StrategyName } from 'throwover';
import { isoTime, systemClock } from 'throwover/kernel';
import { commitHere, portBaseOption, runCommand, wholeNumber } from '../command-line.ts';
import { keepSeries } from '../results/series.ts';
import type { Lab } from '../world/lab.ts';
import { type LabOptions, labOptions, timeScale } from '../world/options.ts';
import { clientResolvers } from '../world/resolver-list.ts';
import { throwoverJson } from '../world/throwover-cli.ts';
import { withLab } from '../world/with-lab.ts';
import {
  type MeasuredStrategy,
  measuredStrategies,
  ratioOf,
  recommended,
  type WarmRound,
  type WarmSeries,
  warmStrategiesSeries,
} from './results.ts';
import { playWarmRound, provisionEverywhere } from './round.ts';

/** Returns the lab of these rounds: nothing delays the switch, and there are no late clients. */
export function warmStrategiesLab(given: Partial<LabOptions>): LabOptions {
  return labOptions({
    lagProfile: 'none',
    webhooksPerSecond: 1,
    resolverShares: { honest: 1, clamped: 0, longHold: 0 },
    ...given,
  });
}

/** The fields that are read of the output of `throwover functions`. */
interface FunctionsSaid {
  readonly pricedInstances: number;
  readonly facts: { readonly memoryMb: number };
  readonly prices: { readonly asOf: string; readonly holdsFor: string };
  readonly strategies: readonly {
    readonly strategy: StrategyName;
    readonly cost: { readonly perWindow: number; readonly perYear: number };
  }[];
}

/** Live traffic before the size is read, ms: the first requests of new clients come together. */
const calmMs = 8_000;

type Priced = Pick<WarmSeries, 'memoryMb' | 'pricesOf'> & {
  readonly instances: number;
  readonly of: FunctionsSaid['strategies'];
};

type Measured = Omit<WarmSeries, 'commit' | 'at'>;

/**
 * Plays all rounds of each strategy, each strategy in a separate lab. `each` is called after every
 * round with what is known so far.
 */
export async function measureWarmStrategies(asked: {
  readonly lab: LabOptions;
  readonly rounds: number;
  readonly strategies: readonly MeasuredStrategy['strategy'][];
  readonly each: (strategy: string, round: WarmRound, sofar: Measured) => void;
}): Promise<void> {
  let priced: Priced | null = null;
  const played: { strategy: MeasuredStrategy['strategy']; rounds: WarmRound[] }[] = [];
  for (const strategy of asked.strategies) {
    const rounds: WarmRound[] = [];
    played.push({ strategy, rounds });
    await withLab({ ...asked.lab, warmStrategy: strategy }, async (lab) => {
      // One size for all: the need of the load while nothing is disturbed.
      priced ??= await pricesIn(lab);
      if (strategy === 'always-on') await provisionEverywhere(lab, priced.instances);
      for (let round = 1; round <= asked.rounds; round++) {
        const seen = await playWarmRound(lab, round, strategy);
        rounds.push(seen);
        asked.each(strategy, seen, seriesOf(asked.lab, priced, played));
      }
    });
  }
}

function seriesOf(
  lab: LabOptions,
  priced: Priced | null,
  played: readonly Pick<MeasuredStrategy, 'strategy' | 'rounds'>[],
): Measured {
  const cost = (strategy: string) => priced?.of.find((one) => one.strategy === strategy)?.cost;
  return {
    seed: lab.seed,
    requestsPerSecond: lab.requestsPerSecond,
    timeScale,
    instances: priced?.instances ?? null,
    memoryMb: priced?.memoryMb ?? 0,
    pricesOf: priced?.pricesOf ?? 'unknown',
    strategies: played.map(({ strategy, rounds }) => ({
      strategy,
      usdPerWindow: cost(strategy)?.perWindow ?? 0,
      usdPerYear: cost(strategy)?.perYear ?? 0,
      rounds: [...rounds],
    })),
  };
}

async function pricesIn(lab: Lab): Promise<Priced> {
  await lab.startClients({
    output: join(lab.options.dir, 'calm.jsonl'),
    resolvers: clientResolvers(lab.map, lab.options),
  });
  await systemClock.sleep(calmMs);
  const said = await throwoverJson<FunctionsSaid>(['functions'], lab.options.dir);
  return {
    instances: said.pricedInstances,
    memoryMb: said.facts.memoryMb,
    pricesOf: `${said.prices.holdsFor}, as of ${said.prices.asOf}`,
    of: said.strategies,
  };
}

function lineOf(strategy: string, seen: WarmRound): string {
  const ratio = ratioOf(seen);
  const ms = (figures: WarmRound['whole']) =>
    figures === null ? 'unknown' : `${figures.p99Ms.toFixed(0)} ms of ${figures.requests}`;
  const busy = seen.busyShare === null ? 'unknown' : `${(seen.busyShare * 100).toFixed(0)} %`;
  return `${strategy}, round ${seen.round} to ${seen.to} (${seen.acted}): p99 ${ratio === null ? 'unknown' : `${ratio.toFixed(2)}x`} the baseline (${ms(seen.whole)}, before ${ms(seen.baseline)}), ${seen.coldStarts ?? 'unknown'} cold starts, ${seen.failed} failed, machine ${busy} busy`;
}

if (import.meta.main) await runCommand(main);

async function main(): Promise<void> {
  const given = new Command('npm run warm-strategies --')
    .option('--rounds <n>', 'switchovers with each strategy', wholeNumber, 10)
    .option('--only <strategies...>', `some of ${measuredStrategies.join(', ')}`)
    .option('--rps <n>', 'requests per second; lower it where the machine is busy', wholeNumber, 40)
    .option('--out <file>', 'adds the results to this file, and its table to the README beside it')
    .option('--seed <n>', 'seed of the traffic', wholeNumber, 1)
    .addOption(portBaseOption(12_100))
    .option('--json', 'end with one line of JSON')
    .parse()
    .opts();
  const say = given.json ? console.error : console.log;
  const commit = commitHere();
  const { seed, portBase, rps: requestsPerSecond } = given;
  let measured: Measured | null = null;
  try {
    await measureWarmStrategies({
      lab: warmStrategiesLab({ seed, portBase, requestsPerSecond }),
      rounds: given.rounds,
      strategies: measuredStrategies.filter((name) => given.only?.includes(name) ?? true),
      each: (strategy, round, sofar) => {
        measured = sofar;
        say(lineOf(strategy, round));
      },
    });
  } finally {
    const seen = measured as Measured | null;
    if (seen !== null) {
      const series: WarmSeries = { ...seen, commit, at: isoTime(systemClock.wallMs()) };
      if (given.out !== undefined) await keepSeries(given.out, warmStrategiesSeries, series);
      say(warmStrategiesSeries.render([series]));
      if (given.json) console.log(JSON.stringify(series));
      if (recommended(series) === null) process.exitCode = 1;
    }
  }
}
