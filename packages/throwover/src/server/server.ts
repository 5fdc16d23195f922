export { watchCapacity } from './capacity-watch.ts';
export { watchFiveMinutes } from './five-minutes.ts';
export type { RecordStore } from './record-log.ts';
export type { RunningServer } from './serve.ts';
