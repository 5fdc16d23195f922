/**
 * One list of metric families -> what is scraped (exposition.ts), the Grafana dashboard, the alert
 * rules. readings.ts reads ports.
 */
export { rulesText } from './alerts.ts';
export { allFamilies } from './families.ts';
export { dashboardJson } from './grafana.ts';
export { type Reading, ServiceReadings } from './readings.ts';
