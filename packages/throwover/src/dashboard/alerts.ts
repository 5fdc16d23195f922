/**
 * Alert rules for Prometheus that page a person or tell the team, each with the command to type
 * first.
 */
import { stringify } from 'yaml';
import { families } from './families.ts';

export interface Alert {
  readonly name: string;
  readonly expr: string;
  /** How long the condition must last. */
  readonly for: string;
  /** page: a person is woken. ticket: it waits for the morning. */
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
  /** The observation, and what is not lost. */
  readonly description: string;
  /** The command to type first. */
  readonly action: string;
}

const f = Object.fromEntries(
  Object.entries(families).map(([key, { name }]) => [key, name]),
) as Readonly<Record<keyof typeof families, string>>;

export const alerts: readonly Alert[] = [
  {
    name: 'ThrowoverAbsent',
    expr: `absent(${f.build})`,
    for: '5m',
    severity: 'ticket',
    summary: 'throwover serve is not scraped',
    description:
      'No run can begin or go on while it is away. Applications, doors and gateways go on without it.',
    action: 'throwover serve --data DIR --service throwover.yaml',
  },
  {
    name: 'ThrowoverNoWriter',
    // A guard that does not answer gives no figure and has its own alert: this one needs an answer
    // from all guards.
    expr: [
      `sum by (service) (${f.writer}) == 0`,
      `and on (service) count by (service) (${f.writer}) == count by (service) (${f.active})`,
      `and on (service) ${f.runOpen} == 0`,
    ].join(' '),
    for: '1m',
    severity: 'page',
    summary: 'No database of {{ $labels.service }} takes writes',
    description:
      'Every guard says that its database takes no writes, and no run is open that would open one.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverTwoWriters',
    expr: `sum by (service) (${f.writer}) > 1`,
    for: '0s',
    severity: 'page',
    summary: 'Two databases of {{ $labels.service }} take writes',
    description: 'What each of them acknowledges from now on has to be put together by hand.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverDoorBroken',
    expr: `${f.doorBroken} == 1 or ${f.doorRestored} > 0`,
    for: '0s',
    severity: 'page',
    summary:
      'Somebody else opens or closes the database of {{ $labels.region }} of {{ $labels.service }}',
    description:
      'pg_hba.conf, a role or a session is not as the guard left it. The guard puts it right in each round; what was written meanwhile into a closed side is salvaged when that is attached.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverDoorUnseen',
    expr: `${f.doorAge} > 60`,
    for: '1m',
    severity: 'page',
    summary: 'The guard of {{ $labels.region }} of {{ $labels.service }} does not see its database',
    description: 'Whether the application can write there is not known.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverFenceStands',
    expr: `${f.fenced} == 1 and on (service) ${f.runOpen} == 1`,
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.region }} of {{ $labels.service }} is closed by a run that does not end',
    description:
      'A fence of a switchover ends by itself after its deadline, one of a failover when its run is carried on.',
    action: 'throwover resume',
  },
  {
    name: 'ThrowoverRunOpen',
    expr: `time() - ${f.runOpenSince} > 1800`,
    for: '0s',
    severity: 'page',
    summary: 'A run of {{ $labels.service }} has been open for more than 30 minutes',
    description: 'Its journal says how far it is. Nothing else can be begun meanwhile.',
    action: 'throwover runs; throwover resume',
  },
  {
    name: 'ThrowoverGuardSilent',
    expr: `${f.partUp}{part=~"guard .*"} == 0`,
    for: '2m',
    severity: 'page',
    summary: 'The {{ $labels.part }} of {{ $labels.service }} does not answer',
    description:
      'Where writerFence is available the database goes on; nothing can be switched over until it answers.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverPartSilent',
    expr: `${f.partUp}{part!~"guard .*"} == 0`,
    for: '10m',
    severity: 'ticket',
    summary: 'The {{ $labels.part }} of {{ $labels.service }} does not answer',
    description: 'A planned run is refused while it does not.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverNoStandby',
    expr: `${f.standby} == 0`,
    for: '5m',
    severity: 'page',
    summary: 'No standby streams from {{ $labels.region }} of {{ $labels.service }}',
    description: 'Whatever is written from now on would be lost with the region.',
    action: 'throwover check; throwover rejoin',
  },
  {
    name: 'ThrowoverLagAboveBound',
    expr: `${f.lag} > on (service) group_left () (${f.lossBound} > 0)`,
    for: '2m',
    severity: 'page',
    summary: 'The standby of {{ $labels.service }} is behind by more than a failover may lose',
    description: 'A failover would be refused without an override by name.',
    action: 'throwover plan failover --to REGION',
  },
  {
    name: 'ThrowoverHalted',
    expr: `${f.halted} == 1`,
    for: '1h',
    severity: 'ticket',
    summary: 'All automation of {{ $labels.service }} has been halted for an hour',
    description: 'Neither serve nor a standing policy does anything until somebody lifts it.',
    action: 'throwover halt --off',
  },
  {
    name: 'ThrowoverWebhooksWait',
    expr: `${f.webhooksOldest} > 900`,
    for: '5m',
    severity: 'page',
    summary: 'Webhooks of {{ $labels.service }} wait in {{ $labels.region }} for more than 15 min',
    description: 'They are in the journal of the gateway and are not lost.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverWebhooksGivenUp',
    expr: `${f.deadLetters} > 0`,
    for: '5m',
    severity: 'ticket',
    summary:
      '{{ $value }} webhooks of {{ $labels.service }} were given up on in {{ $labels.region }}',
    description: 'They are in the journal of the gateway and wait for a person.',
    action: 'throwover check',
  },
  {
    name: 'ThrowoverEvidenceStale',
    expr: `time() - ${f.metricMoment} > on (service, metric) ${f.metricFresh}`,
    for: '1h',
    severity: 'ticket',
    summary: '{{ $labels.metric }} of {{ $labels.service }} has no fresh sample',
    description: 'What is forecast, reviewed and shown of it stands on old figures.',
    action: 'throwover week',
  },
  {
    name: 'ThrowoverForecastMissed',
    expr: `${f.forecastInside} < 0.7 and ${f.forecastCount} >= 5`,
    for: '0s',
    severity: 'ticket',
    summary: 'Forecasts of {{ $labels.share }} of {{ $labels.service }} do not hold',
    description: 'Fewer than 70 % of the measured runs stood inside the 90 % interval.',
    action: 'throwover forecast; throwover dns survey',
  },
  {
    name: 'ThrowoverDrillOverdue',
    expr: `${f.drillOverdue} == 1`,
    for: '1h',
    severity: 'ticket',
    summary: 'A drill of {{ $labels.service }} is overdue',
    description: 'Its first window has passed without it. It stays due.',
    action: 'throwover drill next',
  },
  {
    name: 'ThrowoverFindingLate',
    expr: `${f.findings}{status="late"} > 0`,
    for: '1h',
    severity: 'ticket',
    summary: '{{ $value }} findings of {{ $labels.service }} are past their date',
    description: 'What a drill has shown would show again in a real failover.',
    action: 'throwover finding list',
  },
  {
    name: 'ThrowoverSlide',
    expr: `${f.slide} == 1`,
    for: '1d',
    severity: 'ticket',
    summary: '{{ $labels.subject }} of {{ $labels.service }} is a slide: {{ $labels.rule }}',
    description: 'The operating test says what makes it real again.',
    action: 'throwover audit',
  },
];

/** Returns the rules in the form that Prometheus reads (`rule_files`). */
export function rulesText(): string {
  const rules = alerts.map(({ name, expr, for: standing, severity, ...said }) => ({
    alert: name,
    expr,
    for: standing,
    labels: { severity },
    annotations: said,
  }));
  return stringify({ groups: [{ name: 'throwover', rules }] }, { lineWidth: 100 });
}
