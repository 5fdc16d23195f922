import { type CommandSpec, group } from '../command.ts';
import { drillCalendar, drillHistory, drillNext, drillPeople, drillPlan } from './drill.ts';
import { drillAbort } from './drill-abort.ts';
import { drillReportCommand } from './drill-report.ts';
import { drillStart } from './drill-start.ts';
import { addFinding, closeFinding, listFindings, taskFinding, waiveFinding } from './finding.ts';

export const drillCommands: readonly CommandSpec[] = [
  group('drill', 'rehearsals in production: planned, driven by a person, remembered'),
  drillPlan,
  drillNext,
  drillHistory,
  drillPeople,
  drillCalendar,
  drillStart,
  drillAbort,
  drillReportCommand,
  group('finding', 'what drills and runs have shown: each becomes a task, or is waived by name'),
  addFinding,
  taskFinding,
  waiveFinding,
  closeFinding,
  listFindings,
];
