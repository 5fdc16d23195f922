import { quantiles } from '../../kernel/kernel.ts';
import type { EvidenceSample } from '../../records/records.ts';
import type { ShareName } from './forecast.ts';

type Scored = EvidenceSample<'forecast-score'>['t50'];

/** Compares the forecast before a run with the measurements of the doors after it. Pure. */
export function scoreForecast(
  forecast: EvidenceSample<'forecast'>,
  curve: Pick<EvidenceSample<'straggler-curve'>, 't50LifeMs' | 't90LifeMs' | 't99LifeMs'>,
  atWallMs: number,
): EvidenceSample<'forecast-score'> {
  const { holdover, runId } = forecast;
  return {
    runId,
    atWallMs,
    t50: scored(holdover.t50, curve.t50LifeMs),
    t90: scored(holdover.t90, curve.t90LifeMs),
    t99: scored(holdover.t99, curve.t99LifeMs),
  };
}

function scored(
  { p5, p50, p95 }: EvidenceSample<'forecast'>['holdover']['t50'],
  measuredLifeMs: number | null,
): Scored {
  const [low, high] = [p5.lifeMs, p95.lifeMs];
  const known = low !== null && high !== null && measuredLifeMs !== null;
  return {
    predictedLifeMs: p50.lifeMs,
    lowLifeMs: low,
    highLifeMs: high,
    measuredLifeMs,
    inside: known ? low <= measuredLifeMs && measuredLifeMs <= high : null,
  };
}

/** How accurate earlier forecasts of one share were. */
export interface Calibration {
  /** Runs whose forecast and curve are both known. */
  readonly count: number;
  readonly inside: number;
  /**
   * Median of |predicted - measured| / measured; `null`: there are none, or all measured values are
   * 0.
   */
  readonly medianError: number | null;
}

export function calibrationOf(
  scores: readonly EvidenceSample<'forecast-score'>[],
  share: ShareName,
): Calibration {
  const known = scores.map((score) => score[share]).filter(({ inside }) => inside !== null);
  const errors = known.flatMap(({ predictedLifeMs, measuredLifeMs }) =>
    predictedLifeMs === null || measuredLifeMs === null || measuredLifeMs === 0
      ? []
      : [Math.abs(predictedLifeMs - measuredLifeMs) / measuredLifeMs],
  );
  return {
    count: known.length,
    inside: known.filter(({ inside }) => inside).length,
    medianError: quantiles(errors)?.p50 ?? null,
  };
}
