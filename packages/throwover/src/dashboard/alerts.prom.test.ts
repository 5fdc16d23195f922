import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { metrics } from '../records/metrics.ts';
import { alerts, rulesText } from './alerts.ts';
import { families } from './families.ts';
import { dashboardJson } from './grafana.ts';

const missing = spawnSync('promtool', ['--version']).error !== undefined;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'throwover-promtool-'));
  writeFileSync(join(dir, 'rules.yaml'), rulesText());
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Returns the output of promtool; throws when promtool finds a fault. */
const promtool = (...args: string[]) =>
  execFileSync('promtool', args, { cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const name = (key: keyof typeof families, labels = '') =>
  `${families[key].name}{service="checkout"${labels}}`;
const east = ',region="east"';
const west = ',region="west"';
const hour = '0x60';

/**
 * Series of an hour, one value a minute, for each alert: one with which it fires, one with which it
 * stays quiet.
 */
const cases: Readonly<
  Record<string, { fires: Record<string, string>; quiet: Record<string, string> }>
> = {
  ThrowoverAbsent: {
    fires: {},
    quiet: { 'throwover_build_info{version="1"}': '1x60' },
  },
  ThrowoverNoWriter: {
    fires: {
      [name('writer', east)]: hour,
      [name('writer', west)]: hour,
      [name('active', east)]: '1x60',
      [name('active', west)]: hour,
      [name('runOpen')]: hour,
    },
    // One guard is silent, so its value is unknown.
    quiet: {
      [name('writer', west)]: hour,
      [name('active', east)]: '1x60',
      [name('active', west)]: hour,
      [name('runOpen')]: hour,
    },
  },
  ThrowoverTwoWriters: {
    fires: { [name('writer', east)]: '1x60', [name('writer', west)]: '1x60' },
    quiet: { [name('writer', east)]: '1x60', [name('writer', west)]: hour },
  },
  ThrowoverDoorBroken: {
    // By now it is as it should be again; that somebody else opened or closed it is still news.
    fires: { [name('doorBroken', east)]: hour, [name('doorRestored', east)]: '0x30 1x30' },
    quiet: { [name('doorBroken', east)]: hour, [name('doorRestored', east)]: hour },
  },
  ThrowoverDoorUnseen: {
    // Its guard answers, and what it tells of the server gets older with each minute.
    fires: { [name('doorAge', east)]: '0+60x60' },
    // A round of a guard that waits for a command.
    quiet: { [name('doorAge', east)]: '15x60' },
  },
  ThrowoverFenceStands: {
    fires: { [name('fenced', east)]: '1x60', [name('runOpen')]: '1x60' },
    // From a run that is over: the old side, until it is attached.
    quiet: { [name('fenced', east)]: '1x60', [name('runOpen')]: hour },
  },
  ThrowoverRunOpen: {
    fires: { [name('runOpenSince')]: hour },
    quiet: { [name('runOpenSince')]: '2400x60' },
  },
  ThrowoverGuardSilent: {
    fires: { [name('partUp', ',part="guard east"')]: hour },
    quiet: { [name('partUp', ',part="door east"')]: hour },
  },
  ThrowoverPartSilent: {
    fires: { [name('partUp', ',part="door east"')]: hour },
    quiet: { [name('partUp', ',part="guard east"')]: hour },
  },
  ThrowoverNoStandby: {
    fires: { [name('standby', east)]: hour },
    quiet: { [name('standby', east)]: '1x60' },
  },
  ThrowoverLagAboveBound: {
    fires: { [name('lag', ',from="east"')]: '12x60', [name('lossBound')]: '10x60' },
    // Asynchronous with a bound of 0: any lag is above it, by choice.
    quiet: { [name('lag', ',from="east"')]: '12x60', [name('lossBound')]: hour },
  },
  ThrowoverHalted: { fires: { [name('halted')]: '1x120' }, quiet: { [name('halted')]: '0x120' } },
  ThrowoverWebhooksWait: {
    fires: { [name('webhooksOldest', east)]: '901x60' },
    quiet: { [name('webhooksOldest', east)]: '600x60' },
  },
  ThrowoverWebhooksGivenUp: {
    fires: { [name('deadLetters', east)]: '1x60' },
    quiet: { [name('deadLetters', east)]: hour },
  },
  ThrowoverEvidenceStale: {
    fires: {
      [name('metricMoment', ',metric="warm-up"')]: '0x120',
      [name('metricFresh', ',metric="warm-up"')]: '60x120',
    },
    quiet: {
      [name('metricMoment', ',metric="warm-up"')]: '0x120',
      [name('metricFresh', ',metric="warm-up"')]: '86400x120',
    },
  },
  ThrowoverForecastMissed: {
    fires: {
      [name('forecastInside', ',share="t90"')]: '0.5x60',
      [name('forecastCount', ',share="t90"')]: '5x60',
    },
    quiet: {
      [name('forecastInside', ',share="t90"')]: '0.5x60',
      [name('forecastCount', ',share="t90"')]: '4x60',
    },
  },
  ThrowoverDrillOverdue: {
    fires: { [name('drillOverdue')]: '1x120' },
    quiet: { [name('drillOverdue')]: '0x120' },
  },
  ThrowoverFindingLate: {
    fires: { [name('findings', ',status="late"')]: '2x120' },
    quiet: { [name('findings', ',status="open"')]: '2x120' },
  },
  ThrowoverSlide: {
    fires: { [name('slide', ',subject="truth dns",rule="panel"')]: '1x3000' },
    quiet: { [name('slide', ',subject="truth dns",rule="panel"')]: '0x3000' },
  },
};

/** Evaluates long enough for conditions that must last an hour or a day. */
function evaluated(alert: string): string {
  const standing = alerts.find((one) => one.name === alert)?.for;
  return standing === '1d' ? '1500m' : standing === '1h' ? '110m' : '50m';
}

describe.skipIf(missing)(missing ? 'alerts (skipped: no promtool)' : 'alerts', () => {
  test('every one has a case of its own', () => {
    expect(Object.keys(cases).sort()).toEqual(alerts.map((alert) => alert.name).sort());
  });

  test('are accepted by promtool', () => {
    expect(promtool('check', 'rules', 'rules.yaml')).toContain(`${alerts.length} rules found`);
  });

  test('fire when they should, and only then', () => {
    const fired = (alert: string, given: Record<string, string>, value: number | null) => ({
      interval: '1m',
      input_series: Object.entries(given).map(([series, values]) => ({ series, values })),
      promql_expr_test: [
        {
          expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
          eval_time: evaluated(alert),
          exp_samples: value === null ? [] : [{ labels: '{}', value }],
        },
      ],
    });
    const tests = Object.entries(cases).flatMap(([alert, { fires, quiet }]) => [
      fired(alert, fires, 1),
      fired(alert, quiet, null),
    ]);
    const suite = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests };
    writeFileSync(join(dir, 'tests.yaml'), stringify(suite));
    expect(promtool('test', 'rules', 'tests.yaml')).toContain('SUCCESS');
  });

  test('of the dashboard every question is accepted by promtool', () => {
    const declared = metrics.map((metric) => ({ name: metric.title, metric: metric.name }));
    const { panels } = JSON.parse(dashboardJson(declared)) as {
      panels: readonly { targets?: readonly { expr: string }[] }[];
    };
    const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const rules = exprs.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$service', 'checkout'),
    }));
    writeFileSync(join(dir, 'panels.yaml'), stringify({ groups: [{ name: 'panels', rules }] }));
    expect(promtool('check', 'rules', 'panels.yaml')).toContain(`${exprs.length} rules found`);
  });
});
