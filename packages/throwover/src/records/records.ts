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
