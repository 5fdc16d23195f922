/**
 * Drills: policy and records -> plan, rotation, guards, report (docs/drills.md). Pure, but for
 * facts.ts, which reads ports.
 */
export { AbortWatch, type Breach, type Look } from './abort.ts';
export { daySpan, localDay } from './dates.ts';
export {
  type Drill,
  type DrillEvent,
  drillEvent,
  drillId,
  drillsOf,
  heldOf,
  type Leg,
  type Outcome,
  openDrill,
} from './drill.ts';
export { drillErrors } from './errors.ts';
export { type DrillFacts, type DrillPorts, type DrillSources, drillFacts } from './facts.ts';
export {
  type Finding,
  type FindingEvent,
  findingsOf,
  type MachineRule,
  unsettled,
} from './finding.ts';
export { missedForecasts } from './forecast-missed.ts';
export { alarmRefusals, type DrillRefusal, drillGuards, planRefusals } from './guards.ts';
export { coverage, coverageMs, type Move, type MoveStep } from './moves.ts';
export { historyText, peopleText, plannedLines, planText, whenText } from './plan-text.ts';
export { type DrillPlan, type PlannedDrill, planDrills } from './planner.ts';
export { type DrillReport, drillReport, lossMsOf, type Objective } from './report.ts';
export { reportText } from './report-text.ts';
export { driversOf } from './rotation.ts';
