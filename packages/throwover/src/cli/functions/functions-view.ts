import { type FunctionUse, littlesLaw } from '../../functions/functions.ts';
import { formatMs, wrap } from '../../kernel/kernel.ts';
import { columns } from '../text/columns.ts';
import type { FunctionsReport, StrategyReport } from './functions-report.ts';

const whys = {
  'cheapest-that-was-good': 'the cheapest whose runs stayed within 1.2 times the baseline',
  'best-that-was-measured': 'none stayed within 1.2 times the baseline; it came nearest',
  'not-measured':
    'nothing has been measured often enough yet; it waits until the provider says ready',
} as const;

/** Returns the report as text for people. */
export function functionsText(report: FunctionsReport): string {
  const { from, to, use, facts, needed, refusal, room, differing, prices } = report;
  const { provisioned } = facts;
  const has = `${room.name} is ${room.limit} of ${facts.accountLimit} in the account`;
  const ready = provisioned && `${provisioned.ready} of ${provisioned.requested}`;
  return [
    `functions: ${from} is active, ${to} would become it`,
    '',
    ...use.flatMap(useLines),
    ...named(
      'needed',
      `${needed === null ? `REFUSED: ${refusal}` : `${needed} warm instances in ${to}`}; ${has}`,
    ),
    ...named(
      'there now',
      `${ready === null ? 'nothing provisioned' : `${ready} provisioned instances ready`}; ${facts.memoryMb} MB each`,
    ),
    ...named('by itself', scaleUpText(report)),
    ...named(
      'alike',
      differing.length === 0
        ? 'code and settings are the same in both regions'
        : `NOT ALIKE: ${differing.join(', ')}`,
    ),
    '',
    table(report.strategies, report.configured),
    '',
    ...report.strategies.flatMap(({ strategy, says }) => named(strategy, says, strategyColumns)),
    '',
    ...wrap(`recommended: ${report.recommended.strategy} (${whys[report.recommended.why]})`, 2),
    ...wrap(
      `prices for ${report.pricedInstances} instances, of ${prices.asOf}, ${prices.holdsFor}, from ${prices.source}`,
      2,
    ),
    ...wrap(
      'a window is 2 h, and there are four a year: a drill a quarter. Traffic itself costs what it costs anyway.',
      2,
    ),
    ...wrap(
      'p99: of the first five minutes after a run over the five before it, at the median of its runs.',
      2,
    ),
  ].join('\n');
}

/** Wider than the longest name of a strategy. */
const strategyColumns = 21;

/** Returns a name with its text beside it, wrapped. */
function named(name: string, text: string, width = 11): readonly string[] {
  return wrap(`${name.padEnd(width)}${text}`, width);
}

function useLines(use: FunctionUse): readonly string[] {
  const { source, requests, windowMs, arrivalsPerSecond, meanMs, p99Ms, peakConcurrency } = use;
  if (requests === 0) return named(source, `no requests in ${formatMs(windowMs)}`);
  const ms = (value: number | null) => (value === null ? 'unknown' : `${value.toFixed(0)} ms`);
  return named(
    source,
    `${arrivalsPerSecond.toFixed(1)} requests/s at most, mean ${ms(meanMs)}, p99 ${ms(p99Ms)}: ${littlesLaw(use).toFixed(1)} at once by Little's law, ${peakConcurrency ?? 'unknown'} counted (${requests} requests in ${formatMs(windowMs)})`,
  );
}

function scaleUpText({ onDemandMs, initMs, to }: FunctionsReport): string {
  if (onDemandMs === null) return 'unknown';
  if (onDemandMs === 0 && initMs !== null) return `${to} has enough already`;
  const start =
    initMs === null
      ? 'a start has not been measured, so at least'
      : `a start takes ${formatMs(initMs)}:`;
  return `${start} ${formatMs(onDemandMs)} until as many are up when nothing is warmed`;
}

function table(rows: readonly StrategyReport[], configured: string): string {
  const cells = [
    ['strategy', 'USD a window', 'USD a year', 'p99'],
    ...rows.map(({ strategy, cost, ratio, runs }) => [
      `${strategy}${strategy === configured ? ' *' : ''}`,
      usd(cost.perWindow),
      usd(cost.perYear),
      ratio === null ? 'not measured' : `${ratio.toFixed(2)}x (n=${runs})`,
    ]),
  ];
  return columns(cells);
}

/** Two significant digits below a dollar: warm-ups cost parts of a cent. */
function usd(value: number): string {
  if (value === 0) return '0';
  return value >= 1 ? value.toFixed(2) : value.toPrecision(2);
}
