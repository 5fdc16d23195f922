import { type CommandSpec, group } from '../command.ts';
import { auditCommand } from './audit.ts';
import { captureBaseline, listBaselines, listMetrics } from './baseline.ts';
import {
  amendChange,
  listChanges,
  newChange,
  retireChange,
  reviewChange,
  shipChange,
  showChange,
} from './change.ts';
import { forecastCommand } from './forecast.ts';
import { dashboard, listFamilies, rules } from './metrics.ts';
import { taskDone, weekCommand } from './week.ts';

export const evidenceCommands: readonly CommandSpec[] = [
  forecastCommand,
  group('baseline', 'Capture metrics over whole weeks, before something is changed'),
  captureBaseline,
  listBaselines,
  listMetrics,
  group('metrics', 'Show what `GET /metrics` of serve exposes; print a dashboard and alert rules'),
  listFamilies,
  dashboard,
  rules,
  group('change', 'Manage changes: improvements with baseline, trade-off, owner and review'),
  newChange,
  amendChange,
  shipChange,
  reviewChange,
  retireChange,
  listChanges,
  showChange,
  auditCommand,
  weekCommand,
  taskDone,
];
