import { expect, test } from 'vitest';
import { metricNames } from '../records/metrics.ts';
import { alerts } from './alerts.ts';
import { allFamilies, rows } from './families.ts';
import { dashboardJson } from './grafana.ts';

const names = new Set(allFamilies.map(({ name }) => name));
const mentioned = (expr: string) => expr.match(/throwover_\w+/g) ?? [];

test('every family is named by its unit, once, and says what it is', () => {
  expect(names.size).toBe(allFamilies.length);
  const suffix = { seconds: '_seconds', moment: '_timestamp_seconds', ratio: '_ratio' };
  for (const { name, unit, help } of allFamilies) {
    if (unit in suffix) expect(name).toMatch(new RegExp(`${suffix[unit as keyof typeof suffix]}$`));
    expect(help, name).toMatch(/\.$/);
  }
});

test('no panel without a metric, no metric without a panel, and a panel of the team for each of its own', () => {
  const { panels } = JSON.parse(dashboardJson([{ name: 'caches', metric: 'resolver-holdover' }]));
  const shown = panels.filter(({ type }: { type: string }) => type !== 'row');
  const used = new Set(
    shown.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.flatMap(({ expr }) => mentioned(expr)),
    ),
  );
  expect([...used].sort()).toEqual([...names].sort());
  expect(shown[0]).toMatchObject({
    title: 'caches',
    fieldConfig: { defaults: { unit: 's' } },
    targets: [{ expr: 'throwover_resolver_holdover_seconds{service="$service"}' }],
  });
  const titles = panels.filter(({ type }: { type: string }) => type === 'row');
  expect(titles).toHaveLength(Object.keys(rows).length + 1);
});

test('no two panels stand in the same place', () => {
  const { panels } = JSON.parse(dashboardJson([]));
  const places = new Set<string>();
  for (const { gridPos } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const place = `${x} ${y}`;
        expect(places.has(place), place).toBe(false);
        expect(x).toBeLessThan(24);
        places.add(place);
      }
    }
  }
});

test('every named metric is told', () => {
  for (const name of metricNames) {
    const told = [...names].filter((family) => family.includes(name.replaceAll('-', '_')));
    expect(told, name).toHaveLength(1);
  }
});

test('every alert asks for what is told, and says what to type', () => {
  for (const { name, expr, action, summary, description } of alerts) {
    expect(mentioned(expr).length, name).toBeGreaterThan(0);
    for (const family of mentioned(expr))
      expect(names.has(family), `${name}: ${family}`).toBe(true);
    expect(action, name).toMatch(/^throwover /);
    expect(summary.length, name).toBeLessThan(100);
    expect(description, name).toMatch(/\.$/);
  }
});
