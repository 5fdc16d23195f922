/**
 * Records of what people did and said, and samples measured between runs and at their end.
 *
 *   record-log.ts     people's records: an append-only log; its port and shapes
 *   samples.ts        samples; the evidence log's port and shapes
 *   journal-steps.ts  the journal of a run -> its steps
 *   metrics.ts        the named metrics, and where their samples come from
 *   first-minutes.ts  one of them: functions in the first minutes
 */
export { firstMinutesRatios } from './first-minutes.ts';
export { type StepRecord, stepsOf } from './journal-steps.ts';
export {
  dayMs,
  type Metric,
  type MetricSample,
  type MetricSources,
  metricNames,
  metricOf,
  metrics,
  quarterMs,
  rehearsal,
  type Window,
} from './metrics.ts';
export {
  type LoggedRecord,
  loggedRecord,
  maxRecordsACall,
  newRecord,
  type RecordKind,
  type RecordLog,
  recordKinds,
} from './record-log.ts';
export {
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
  isEvidenceKind,
  maxSamplesACall,
  type SampleQuery,
  wallMsOf,
} from './samples.ts';
