/**
 * The cost of a run, calculated from what was seen. Pure; knows no engine and no provider.
 *
 *   records.ts      the records of a run, and the figures made of them
 *   measurement.ts  evidence -> figures, as docs/measurement.md defines them
 *   journal-steps.ts  journal -> steps
 *   outcomes.ts     the outcome of each request and each webhook
 *   recovery.ts     when the new region answers
 *   life-time.ts    lab time -> life time
 *   series.ts       the same evidence over time
 *   rows.ts         the figures in plain words
 *   comparison.ts   several runs side by side, for a terminal
 *   report/         the same as one HTML file
 *   samples.ts      samples that are stored between runs
 *   forecast/       samples -> how long traffic will take to move; scored afterwards
 *
 * The records of what people do and say, and what is derived from them (docs/evidence.md); only
 * facts.ts reads ports:
 *
 *   record-log.ts   the append-only log: port, shapes, in memory
 *   metrics.ts      the named metrics, and where their samples come from
 *   statistics.ts   did a quantile change? review-simulation.ts, review-statistics.ts: is that right
 *   baseline.ts change.ts tasks.ts  folds over records
 *   change-rules.ts rules that refuse a change, and its measured effect
 *   audit.ts        the operating test; audit-formats.ts: text, SARIF, JUnit
 *   week.ts         one engineer's week
 *   facts.ts        facts for audit and week
 */

export { stepsOf } from '../records/records.ts';
export type { Bounded } from './forecast/bounded.ts';
export { holdoverFacts } from './forecast/facts.ts';
export { type ForecastKind, forecastKinds, forwards, isForecastKind } from './forecast/kinds.ts';
export { type Calibration, calibrationOf, scoreForecast } from './forecast/score.ts';
export { type Stage, stageSample, stagesBeforeFlip } from './forecast/stages.ts';
export { measure } from './measurement/measurement.ts';
export type {
  Figures,
  LagRecord,
  RequestRecord,
  RunEvidence,
  Survivors,
  WebhookRecord,
} from './measurement/run-evidence.ts';
export { renderComparison } from './report/comparison.ts';
export { renderReport } from './report/report.ts';
