/**
 * What a run cost, from what was seen. Pure; knows no engine and no provider.
 *
 *   records.ts      what is seen, and the figures that are made of it
 *   measurement.ts  evidence -> figures, as docs/measurement.md defines them
 *   journal-steps.ts  journal -> steps
 *   outcomes.ts     what became of each request and each webhook
 *   recovery.ts     when the new region answers
 *   life-time.ts    lab time -> life time
 *   series.ts       the same evidence over time
 *   rows.ts         the figures in plain words
 *   comparison.ts   several runs side by side, for a terminal
 *   report/         the same as one HTML file
 *   samples.ts      what is kept between runs
 *   forecast/       samples -> how long traffic will take to move; scored afterwards
 */
export { renderComparison } from './comparison.ts';
export { stepsOf } from './journal-steps.ts';
export { measure } from './measurement.ts';
export type {
  Figures,
  LagRecord,
  RequestRecord,
  RunEvidence,
  Survivors,
  WebhookRecord,
} from './records.ts';
export { renderReport } from './report/report.ts';
