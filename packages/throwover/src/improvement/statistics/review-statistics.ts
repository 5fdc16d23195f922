/**
 * `npm run review-statistics -- [--rounds N] [--weeks-before N] [--resamples N] [--seed S]
 * [--json]`
 *
 * Measures how often a review is right, on daily series with autocorrelation, a weekday effect and
 * a known effect of the change. Exit code 1 when more than 5 % of the series without an effect are
 * called improved.
 */
import { Command } from 'commander';
import { judgeRounds } from './review-simulation.ts';
import { usualResamples } from './statistics.ts';

const correlations = [0, 0.3, 0.6, 0.8];
const effects = [0, 0.1, 0.2, 0.5];
const quantiles = [0.5, 0.9];

/** A day varies by 15 %, and Monday is a fifth higher than Sunday. */
const spread = 0.15;
const weekday = 0.2;

const mostFalse = 0.05;

const program = new Command('npm run review-statistics --')
  .option('--rounds <count>', 'series of each kind', Number, 10_000)
  .option('--weeks-before <count>', 'weeks of the baseline', Number, 8)
  .option('--resamples <count>', 'resamples of a comparison', Number, usualResamples)
  .option('--seed <number>', 'seed', Number, 1)
  .option('--json', 'end with one line of JSON');
program.parse();
const { rounds, weeksBefore, resamples, seed, json } = program.opts<{
  rounds: number;
  weeksBefore: number;
  resamples: number;
  seed: number;
  json?: true;
}>();
const say = (line: string) => (json ? console.error(line) : console.log(line));

say(`${rounds} series each: ${weeksBefore} weeks before, 4 after, one figure a day`);
say('quantile  AR(1)  false improved  power at 10 %     20 %     50 %');
const rows = quantiles.flatMap((quantile) =>
  correlations.map((correlation) => {
    const model = { correlation, spread, weekday, weeksBefore, weeksAfter: 4 };
    const shares = effects.map(
      (effect) =>
        judgeRounds({ model, effect, quantile, rounds, seed, resamples }).improved / rounds,
    );
    const [none = 1, ...power] = shares.map((share) => `${(share * 100).toFixed(1)} %`);
    say(
      `${quantile.toFixed(1).padEnd(8)}  ${correlation.toFixed(1).padEnd(5)}  ${String(none).padStart(14)}  ${power.map((text, i) => text.padStart(i === 0 ? 13 : 7)).join('  ')}`,
    );
    return { quantile, correlation, shares };
  }),
);
const worst = Math.max(...rows.map(({ shares }) => shares[0] ?? 1));
say(`false "improved" at most ${(worst * 100).toFixed(1)} %`);
if (json) console.log(JSON.stringify({ rounds, weeksBefore, effects, rows, worst }));
if (worst > mostFalse) process.exitCode = 1;
