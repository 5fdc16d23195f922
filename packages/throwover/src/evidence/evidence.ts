/**
 * Computes from measurements what a run cost and how long the next one will take. Imports no
 * engine and no provider; docs/measurement.md defines every figure.
 *
 *   measurement/  what clients saw -> the figures of a run: outcomes of requests and webhooks, when
 *                 the new region answered, lab time -> life time, the same evidence over time
 *   report/       the figures as one HTML file, and several runs side by side for a terminal
 *   forecast/     samples -> how long traffic will take to move; scored afterwards. gather.ts and
 *                 resolver-facts.ts read the samples from their ports; all else is pure
 */
export { stepsOf } from '../records/records.ts';
export { type Gathered, gatherForecast } from './forecast/gather.ts';
export { type ForecastKind, forecastKinds, forwards, isForecastKind } from './forecast/kinds.ts';
export { newConnectionsPerSecond, resolverFacts } from './forecast/resolver-facts.ts';
export { type Calibration, calibrationOf, scoreForecast } from './forecast/score.ts';
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
