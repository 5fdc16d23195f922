import { allFamilies, dashboardJson, rulesText } from '../../dashboard/dashboard.ts';
import { wrap } from '../../kernel/kernel.ts';
import { answer } from '../command.ts';

/** The metrics that `GET /metrics` of serve exposes. */
export const listFamilies = answer({
  name: 'metrics list',
  says: 'List every metric with its unit and labels',
  look: async () => ({
    families: allFamilies.map(({ name, help, unit, labels }) => ({ name, help, unit, labels })),
  }),
  text: ({ families }) =>
    families
      .flatMap(({ name, help, unit, labels }) => [
        [name, `(${[unit, ...labels].join(', ')})`].join(' '),
        ...wrap(`  ${help}`, 2),
      ])
      .join('\n'),
});

/** A Grafana dashboard with the panels that the team has declared. */
export const dashboard = answer({
  name: 'metrics dashboard',
  says: 'Print a dashboard for Grafana (JSON)',
  look: async ({ loaded }) => {
    const { panels } = loaded.service.evidence;
    const declared = Object.entries(panels).map(([name, { metric }]) => ({ name, metric }));
    return { text: dashboardJson(declared) };
  },
  text: ({ text }) => text,
  inFile: () => ({}),
});

/** Alert rules for Prometheus. */
export const rules = answer({
  name: 'metrics rules',
  says: 'Print alert rules for Prometheus (YAML)',
  look: async () => ({ text: rulesText() }),
  text: ({ text }) => text,
  inFile: () => ({}),
});
