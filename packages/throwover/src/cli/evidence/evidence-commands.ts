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
  group('baseline', 'a metric over whole weeks, captured before something is changed'),
  captureBaseline,
  listBaselines,
  listMetrics,
  group('metrics', 'what `GET /metrics` of serve tells; its dashboard and its alerts'),
  listFamilies,
  dashboard,
  rules,
  group('change', 'an improvement with its baseline, its trade-off, its owner and its review'),
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
