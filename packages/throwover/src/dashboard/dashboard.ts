export { rulesText } from './alerts.ts';
export { allFamilies } from './families.ts';
export { dashboardJson } from './grafana.ts';
export { type Reading, ServiceReadings } from './readings.ts';
