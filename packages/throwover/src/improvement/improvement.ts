/**
 * The operating test (docs/evidence.md): an improvement has a baseline, a trade-off, a place in a
 * dashboard, a runbook and one engineer's week, and a review.
 *
 *   baseline.ts change.ts tasks.ts  folds over people's records
 *   change-rules.ts   rules that refuse a change, and its measured effect
 *   statistics/       did a quantile change? And is that procedure right
 *   audit.ts          the test itself; audit-formats.ts: text, SARIF, JUnit. practice.ts: drills in it
 *   week/             one engineer's week, as text, calendar and issues
 *   facts.ts          reads the facts for audit and week from their ports; all else is pure
 */
export { type Audit, type AuditFacts, audit } from './audit.ts';
export { auditJson, auditJunit, auditSarif, auditText } from './audit-formats.ts';
export { type Baseline, baselinesOf, captured, midnightBefore } from './baseline.ts';
export {
  type Amendment,
  type Change,
  type ChangeEvent,
  changesOf,
  inUse,
  type Measured,
  parseShare,
  parseTradeOff,
  reviewOpen,
  type TradeOff,
  verdicts,
} from './change.ts';
export {
  againstCreating,
  againstVerdict,
  measure,
  measuredOf,
  missingToShip,
  percent,
} from './change-rules.ts';
export { improvementErrors } from './errors.ts';
export { auditFacts, type EvidencePorts, metricSources, printedStates, taskKeys } from './facts.ts';
export type { PrintedState } from './practice.ts';
export type { TaskBody } from './tasks.ts';
export {
  carryOutIssueActs,
  type Issue,
  type IssueAct,
  type IssueText,
  type IssueTracker,
  issueActs,
} from './week/week-issues.ts';
export { day, type WeekTask } from './week/week-task.ts';
export { weekMarkdown, weekText } from './week/week-text.ts';
