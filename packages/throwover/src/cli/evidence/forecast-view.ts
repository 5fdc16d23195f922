import type { Calibration } from '../../evidence/evidence.ts';
import type { Forecast, ShareName } from '../../evidence/forecast/forecast.ts';
import { formatMs, maxColumns, wrap } from '../../kernel/kernel.ts';
import type { Bounded, Predicted } from '../../records/records.ts';
import { clip } from '../run/progress-view.ts';

/** One alternative, for comparison with the others. */
export interface WhatIf {
  readonly name: string;
  readonly rto: Predicted;
  /**
   * The cost, as short text (`none`, `queries`, `$0.5/run`); `unknown` when it was not measured.
   */
  readonly cost: string;
  readonly latency: string;
  readonly complexity: string;
}

export interface ForecastShown {
  readonly service: string;
  readonly kind: string;
  readonly from: string;
  readonly seed: number;
  readonly share: ShareName;
  readonly forecast: Forecast;
  readonly forwarding: boolean;
  /** Number of known resolvers that reported the remaining TTL of their answer. */
  readonly asked: number;
  readonly resolvers: number;
  readonly calibration: Readonly<Record<ShareName, Calibration>>;
  readonly whatIf: readonly WhatIf[];
}

const shareNames: readonly ShareName[] = ['t50', 't90', 't99'];

/** Returns a forecast as text, at most 80 columns wide. Pure. `>=` means at least. */
export function forecastLines(shown: ForecastShown): readonly string[] {
  const { forecast, share, kind, from, service, seed, forwarding } = shown;
  const percent = (name: ShareName) => `${name.slice(1)} %`;
  const by = shareNames.flatMap((name) => [
    row([
      `${name === share ? '> ' : '  '}${percent(name)} of traffic`,
      boundedText(forecast.rto[name].p50),
      between(forecast.rto[name]),
      boundedText(forecast.holdover[name].p50),
      between(forecast.holdover[name]),
    ]),
  ]);
  const lines = [
    `Forecast of a ${kind} of ${service} from ${from} (seed ${seed})`,
    '',
    row(['', 'served', '90 % of worlds', 'moved', '90 % of worlds']),
    ...by,
    '',
    ...wrap(
      `  served: after the ${kind === 'failover' ? 'loss' : 'first act'}${forwarding ? ', old doors forward' : ''}. moved: after the flip, directly. Life time.`,
      2,
    ),
    '',
    stageRow(['stage', 'p50', 'p95', 'p99', 'n', 'newest']),
    ...forecast.stages.map(({ stage, p50, p95, p99, count, ageMs }) =>
      stageRow([
        stage,
        boundedText(p50),
        boundedText(p95),
        boundedText(p99),
        String(count),
        ageMs === null ? '-' : `${formatMs(ageMs)} ago`,
      ]),
    ),
    '',
    ...wrap(
      `resolvers    ${shown.resolvers} known, ${shown.asked} told what is left; weights ${forecast.weights}`,
      13,
    ),
    `residual     ${forecast.residualShare === null ? 'unknown' : `${(forecast.residualShare * 100).toFixed(1)} % of traffic behind resolvers nobody measured`}`,
    ...wrap(
      `calibration  ${shareNames.map((name) => calibrationText(percent(name), shown.calibration[name])).join('; ')}`,
      13,
    ),
    ...forecast.missing.flatMap((text) => wrap(`missing      ${text}`, 13)),
    ...whatIfLines(shown),
  ];
  return lines.map((line) => clip(line, maxColumns).trimEnd());
}

function whatIfLines({ whatIf, share }: ForecastShown): readonly string[] {
  if (whatIf.length === 0) return [];
  return [
    '',
    whatRow(['what if', `served ${share.slice(1)} %`, 'money', 'latency', 'complexity']),
    ...whatIf.map(({ name, rto, cost, latency, complexity }) =>
      whatRow([name, boundedText(rto.p50), cost, latency, complexity]),
    ),
  ];
}

export function calibrationText(name: string, { count, inside, medianError }: Calibration): string {
  if (count === 0) return `${name} not scored yet`;
  const error = medianError === null ? '' : `, off ${(medianError * 100).toFixed(0)} %`;
  return `${name} ${inside}/${count} inside${error}`;
}

export function boundedText({ lifeMs, atLeast }: Bounded): string {
  if (lifeMs === null) return 'unknown';
  return `${atLeast ? '>= ' : ''}${formatMs(Math.round(lifeMs))}`;
}

function between({ p5, p95 }: Predicted): string {
  return p5.lifeMs === null || p95.lifeMs === null
    ? 'unknown'
    : `${formatMs(Math.round(p5.lifeMs))} to ${boundedText(p95)}`;
}

const row = (cells: readonly string[]) => columns(cells, [17, 10, 20, 10, 21]);
const stageRow = (cells: readonly string[]) => columns(cells, [12, 12, 12, 12, 5, 14]);
const whatRow = (cells: readonly string[]) => columns(cells, [26, 11, 12, 12, 19]);

function columns(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return `${clip(cell, width)} `.padEnd(width + 1);
    })
    .join('')
    .trimEnd();
}
