import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { alerts } from '../../dashboard/alerts.ts';
import { allFamilies, rows } from '../../dashboard/families.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url));

it('docs/metrics.md has every metric and every alert (npx vitest run metrics-doc --update writes it)', async () => {
  await expect(formatted(document())).toMatchFileSnapshot(`${root}docs/metrics.md`);
});

/** Formats as the repository's formatter does, so that the two never undo each other. */
function formatted(markdown: string): string {
  const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
  const args = [biome, 'format', '--stdin-file-path=docs/metrics.md'];
  return execFileSync(process.execPath, args, { cwd: root, input: markdown, encoding: 'utf8' });
}

function document(): string {
  const parts = Object.entries(rows).map(([row, title]) => {
    const lines = allFamilies
      .filter(({ panel }) => panel.row === row)
      .map(
        ({ name, unit, labels, help }) =>
          `| \`${name}\` | ${unit} | ${labels.join(', ')} | ${help} |`,
      );
    return `### ${title}\n\n| Metric | Unit | Labels besides \`service\` | What it is |\n| --- | --- | --- | --- |\n${lines.join('\n')}`;
  });
  const woken = alerts.map(
    ({ name, severity, for: standing, description, action }) =>
      `| \`${name}\` | ${severity} | ${standing} | ${description} | \`${action}\` |`,
  );
  return `# Metrics, dashboard, alerts

\`throwover serve --service throwover.yaml\` answers \`GET /metrics\` in the text format of Prometheus. What cannot be
known is absent, never 0: \`throwover_part_up\` says which part was silent. A part has 2 s to answer; what is read
from records is read every 30 s at most, people and the operating test every 5 min. This file is written by a test: \`npx vitest run metrics-doc --update\`.

\`\`\`yaml
scrape_configs:
  - job_name: throwover
    static_configs: [{ targets: ["127.0.0.1:7610"] }]
rule_files: [throwover-rules.yaml]
\`\`\`

\`\`\`sh
throwover metrics rules --out throwover-rules.yaml
throwover metrics dashboard --out throwover-dashboard.json   # Grafana: Dashboards, Import
\`\`\`

The dashboard has a panel for every metric, and first those that the team has declared (\`evidence.panels\`). Metrics,
panels and alerts come from one list. The rules are tested by \`promtool test rules\`, every question of the dashboard
by \`promtool check rules\`; the dashboard was not opened in Grafana itself.

## Metrics

Unit: seconds, a moment (Unix time, s), a ratio (0 to 1), a count, or a state (1 it is so, 0 it is not).

${parts.join('\n\n')}

## Alerts

\`page\`: somebody is woken. \`ticket\`: it waits for the morning. Each says what to type first.

| Alert | Severity | Stands for | What was seen | Type first |
| --- | --- | --- | --- | --- |
${woken.join('\n')}
`;
}
