/**
 * Records of what people did and said, and samples measured between runs and at their end.
 *
 *   record-log.ts     people's records: an append-only log; its port and shapes
 *   samples.ts        samples; the evidence log's port and shapes
 *   calls.ts          the calls of `throwover serve` for both
 *   conformance.ts    the contracts of both logs as tests
 *   invalid.ts        the error for an invalid record or sample
 *   journal-steps.ts  the journal of a run -> its steps
 *   metrics.ts        the named metrics, and where their samples come from
 *   first-minutes.ts  one of them: functions in the first minutes
 */
export { evidenceCalls, evidenceCallsOf, evidenceKinds, recordCalls } from './calls.ts';
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
  type Refresh,
  refreshCommand,
  type Window,
} from './metrics.ts';
export {
  type LoggedRecord,
  loggedRecord,
  maxRecordsACall,
  newRecordOf,
  type RecordKind,
  type RecordLog,
} from './record-log.ts';
export {
  type Bounded,
  type EvidenceKind,
  type EvidenceLog,
  type EvidenceSample,
  evidenceSamples,
  maxSamplesACall,
  type Predicted,
  type SampleQuery,
  samplesOf,
  wallMsOf,
} from './samples.ts';
