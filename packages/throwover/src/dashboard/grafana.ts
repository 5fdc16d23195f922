/**
 * The dashboard in the form that Grafana imports, from the same families that are scraped. Pure:
 * the same input gives the same bytes.
 */
import { metricOf } from '../records/records.ts';
import { allFamilies, type Family, familyOf, type Row, rows, type Unit } from './families.ts';

/** A panel that the team has declared (`evidence.panels` of throwover.yaml). */
export interface DeclaredPanel {
  readonly name: string;
  /** A named metric. */
  readonly metric: string;
}

const columns = 24;
const panelWidth = 6;
const panelHeight = 6;

/** Units as Grafana names them. */
const grafanaUnits: Readonly<Record<Unit, string>> = {
  seconds: 's',
  moment: 'dateTimeAsIso',
  ratio: 'percentunit',
  count: 'short',
  state: 'bool_yes_no',
};

/** Units that are shown as one figure, not over time. */
const asFigure: ReadonlySet<Unit> = new Set(['state', 'moment']);

interface Shown {
  readonly title: string;
  readonly help: string;
  readonly expr: string;
  readonly unit: Unit;
  readonly legend: string;
}

/** Returns the expression with which a panel queries Prometheus. */
export function exprOf({ name, panel, ofServe }: Family): string {
  const self = ofServe ? name : `${name}{service="$service"}`;
  return (panel.shows ?? '$__self').replaceAll('$__self', self);
}

export function dashboardJson(declared: readonly DeclaredPanel[]): string {
  const own = declared.flatMap(({ name, metric: metricName }) => {
    const metric = metricOf(metricName);
    return metric === null ? [] : [{ ...shownOf(familyOf(metric)), title: name }];
  });
  const groups: (readonly [title: string, shown: readonly Shown[]])[] = [
    ...(own.length === 0 ? [] : [["The team's panels", own] as const]),
    ...(Object.keys(rows) as Row[]).map((row) => {
      const members = allFamilies.filter(({ panel }) => panel.row === row);
      return [rows[row], members.map(shownOf)] as const;
    }),
  ];
  return `${JSON.stringify({ ...frame, panels: placed(groups) }, null, 2)}\n`;
}

function shownOf(family: Family): Shown {
  const { panel, help, labels = [], unit } = family;
  return {
    title: panel.title,
    help,
    expr: exprOf(family),
    unit: panel.unit ?? unit,
    legend: labels.length === 0 ? '{{service}}' : labels.map((label) => `{{${label}}}`).join(' '),
  };
}

function placed(groups: readonly (readonly [string, readonly Shown[]])[]): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const [title, shown] of groups) {
    panels.push({
      ...{ id: panels.length + 1, type: 'row', title, collapsed: false, panels: [] },
      gridPos: { x: 0, y, w: columns, h: 1 },
    });
    y += 1;
    for (const [index, each] of shown.entries()) {
      const perRow = columns / panelWidth;
      const x = (index % perRow) * panelWidth;
      const gridPos = {
        x,
        y: y + Math.floor(index / perRow) * panelHeight,
        w: panelWidth,
        h: panelHeight,
      };
      panels.push({ id: panels.length + 1, gridPos, ...panelOf(each) });
    }
    y += Math.ceil(shown.length / (columns / panelWidth)) * panelHeight;
  }
  return panels;
}

function panelOf({ title, help, expr, unit, legend }: Shown): object {
  const type = asFigure.has(unit) ? 'stat' : 'timeseries';
  return {
    type,
    title,
    description: help,
    datasource,
    fieldConfig: { defaults: { unit: grafanaUnits[unit], min: 0 }, overrides: [] },
    targets: [{ refId: 'A', datasource, expr, legendFormat: legend, instant: type === 'stat' }],
  };
}

const datasource = { type: 'prometheus', uid: '$datasource' };

const frame = {
  uid: 'throwover',
  title: 'throwover',
  description:
    'Written by `throwover metrics dashboard`: what is changed by hand is lost with the next one.',
  tags: ['throwover'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
      {
        name: 'service',
        type: 'query',
        label: 'Service',
        datasource,
        query: { query: 'label_values(throwover_epoch, service)', refId: 'service' },
        refresh: 2,
      },
    ],
  },
};
