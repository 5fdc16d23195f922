import { type CommandSpec, group } from '../command.ts';
import { drillCalendar, drillHistory, drillNext, drillPeople, drillPlan } from './drill.ts';
import { drillAbort } from './drill-abort.ts';
import { drillReportCommand } from './drill-report.ts';
import { drillStart } from './drill-start.ts';
import { addFinding, closeFinding, listFindings, taskFinding, waiveFinding } from './finding.ts';

export const drillCommands: readonly CommandSpec[] = [
  group('drill', 'Plan, start and review drills: rehearsals in production'),
  drillPlan,
  drillNext,
  drillHistory,
  drillPeople,
  drillCalendar,
  drillStart,
  drillAbort,
  drillReportCommand,
  group('finding', 'Manage findings: problems that drills and runs have shown'),
  addFinding,
  taskFinding,
  waiveFinding,
  closeFinding,
  listFindings,
];
