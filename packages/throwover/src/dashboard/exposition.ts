import { Gauge, Registry } from 'prom-client';
import { families } from './families.ts';
import type { Reading } from './readings.ts';

/** Readings in the text format of Prometheus, and its content type; `version`: of serve itself. */
export async function exposition(
  readings: readonly Reading[],
  version: string,
): Promise<{ readonly text: string; readonly contentType: string }> {
  const registry = new Registry();
  const gauges = new Map<string, Gauge>();
  const own = { family: families.build, labels: { version }, value: 1 };
  for (const { family, labels, value } of [own, ...readings]) {
    const { name, help } = family;
    const gauge =
      gauges.get(name) ??
      new Gauge({ name, help, labelNames: Object.keys(labels), registers: [registry] });
    gauges.set(name, gauge);
    gauge.set({ ...labels }, value);
  }
  return { text: await registry.metrics(), contentType: registry.contentType };
}
