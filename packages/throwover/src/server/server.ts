/**
 * `throwover serve`: the store over HTTP (serve.ts, calls.ts), its logs (lag, evidence, records) and routes, and
 * the watchers that sample.
 */
export { metricsCalls } from './calls.ts';
export { watchCapacity } from './capacity-watch.ts';
export { watchFiveMinutes } from './five-minutes.ts';
export type { RecordStore } from './record-log.ts';
export type { RunningServer } from './serve.ts';
