/**
 * throwover as a library: what its command line is made of, for programs that carry out runs
 * themselves, and the evidence of a run.
 */
export { machineOf } from './access/configured.ts';
export { compose, defineRun, type Parts } from './compose/compose.ts';
export {
  type Figures,
  type LagRecord,
  measure,
  type RequestRecord,
  type RunEvidence,
  renderComparison,
  renderReport,
  type Survivors,
  stepsOf,
  type WebhookRecord,
} from './evidence/evidence.ts';
export {
  approve,
  checkGuards,
  executeRun,
  makePlan,
  type Plan,
  planDigest,
  type RunEvent,
  type RunResult,
} from './runbook/runbook.ts';
export { type Direction, isRunKind, type RunKind, runKinds } from './runs/runs.ts';
export {
  type LoadedService,
  loadService,
  type Service,
  type StrategyName,
} from './service/service.ts';
export type { JournalRecord, RunState, Store } from './store/store.ts';
export {
  type Cause,
  causeReader,
  causes,
  type EpochReport,
  type SurveyedResolver,
} from './traffic/stragglers/stragglers.ts';
