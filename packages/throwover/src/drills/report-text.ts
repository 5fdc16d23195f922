/** The report of a drill for a terminal of 80 columns. Pure. */
import { formatMs, wrap } from '../kernel/kernel.ts';
import { localText } from './dates.ts';
import { moveSteps } from './moves.ts';
import type { DrillReport, LegReport, Objective, PersonStep } from './report.ts';

const verdicts = {
  met: 'OBJECTIVES MET, by figures',
  'not-met': 'OBJECTIVES NOT MET',
  unknown: 'UNKNOWN: a figure is missing, so nobody can say that the objectives were met',
  'goes-on': 'It goes on.',
  'not-begun': 'It did not begin.',
} as const;

export function reportText(report: DrillReport, zone: string): string {
  const { service, drill, verdict, objectives, legs, people, findings } = report;
  const { id, kind, from, to, shadow, startedWallMs, ended, abort, soakMs } = drill;
  return [
    ...wrap(`Drill ${id} of ${service}: ${kind}, ${from} to ${to}`, 2),
    ...wrap(
      `${localText(startedWallMs, zone)} (${zone}); drove: ${drivers(drill)}; shadow: ${shadow ?? 'nobody'}`,
      2,
    ),
    '',
    ...wrap(verdicts[verdict], 2),
    ...(abort === null ? [] : wrap(`Ended early by ${abort.by}: ${abort.reason}`, 2)),
    ...(ended?.reason == null || ended.reason === abort?.reason
      ? []
      : wrap(`Because: ${ended.reason}`, 2)),
    ...backText(report),
    ...section('Objectives', objectives.map(objectiveText)),
    ...section('Runs', legs.map(legText)),
    ...(soakMs === null ? [] : [`  soak      ${formatMs(soakMs)} planned`]),
    ...section('Hands', people.map(personText)),
    ...section(
      `Findings (${findings.length})`,
      findings.map(
        ({ id: name, text, source, status }) => `${name} ${status}: ${text} [${source}]`,
      ),
    ),
    ...(verdict === 'not-met' ? ['', ...lesson(report)] : []),
  ].join('\n');
}

/** Returns the drivers in the order in which they drove. */
function drivers({ driver, handedOver }: DrillReport['drill']): string {
  return [...handedOver.map(({ from }) => from), driver].join(', then ');
}

function backText({ drill }: DrillReport): readonly string[] {
  const { from, to, ended } = drill;
  switch (ended?.outcome) {
    case 'not-back':
      return wrap(`NOT BACK: the service stands in ${to} and goes on there.`, 2);
    case 'aborted':
      return [`The service is back in ${from}.`];
    case 'whole':
      return [`There and back: the service is in ${from}.`];
    case 'not-begun':
      return ['Nothing was moved.'];
    default:
      return [];
  }
}

/** Returns the lesson: a drill that fails has done its job, and the first one often fails. */
function lesson({ first, findings, drill }: DrillReport): readonly string[] {
  const open = findings.filter(({ settled }) => settled === null);
  const found = findings.length;
  const count =
    found === 0 ? 'what its figures say is' : found === 1 ? 'one thing is' : `${found} things are`;
  const what =
    drill.ended?.outcome === 'aborted' ? 'was ended early' : 'did not meet its objectives';
  return [
    ...wrap(
      first
        ? `The first drill ${what}. That is what it is for, and most first ones do: ${count} known now that a real failover would have shown, at 2 a.m. and with customers waiting.`
        : `The drill ${what}: ${count} known now that a real failover would have shown.`,
      0,
    ),
    ...open
      .slice(0, 3)
      .flatMap(({ id }) => wrap(`  throwover finding task ${id} --owner PERSON --due DATE`, 4)),
    ...(open.length > 3 ? [`  and ${open.length - 3} more: throwover finding list`] : []),
    ...wrap('The same drill again, after they are done, shows whether that helped.', 0),
  ];
}

function section(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return ['', `${title}: none`];
  return ['', title, ...lines.flatMap((line) => wrap(`  ${line}`, 4))];
}

const names = {
  rto: 'nobody could write',
  rpo: 'writes lost',
  errorRate: 'worst error rate',
  p99: 'worst p99',
  lag: 'worst lag',
} as const;

function objectiveText({ name, leg, value, bound, met }: Objective): string {
  const text = (figure: number) =>
    name === 'errorRate' ? `${(figure * 100).toFixed(1)} %` : formatMs(figure);
  const mark = met === null ? 'UNKNOWN' : met ? 'met' : 'NOT MET';
  const what = `${names[name]}${leg === null ? '' : `, way ${leg}`}`;
  return `${mark.padEnd(8)} ${what.padEnd(30)} ${value === null ? 'unknown' : text(value)}, bound ${text(bound)}`;
}

function legText({ leg, kind, from, to, status, durationMs, slowest, runId }: LegReport): string {
  const took = durationMs === null ? 'has not ended' : formatMs(durationMs);
  const slow = slowest === null ? '' : `; slowest ${slowest.step} ${formatMs(slowest.durationMs)}`;
  return `${leg.padEnd(7)} ${kind}, ${from} to ${to}: ${status}, ${took}${slow} (${runId})`;
}

function personText({
  person,
  step,
  seconds,
  typos,
  helped,
  expert,
  handedOverTo,
}: PersonStep): string {
  const notes = [
    seconds === null ? '' : `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`,
    typos === 0 ? '' : `typo ${typos}x`,
    helped === 0 ? '' : `help ${helped}x`,
    expert === 0 ? '' : `expert ${expert}x`,
    handedOverTo === null ? '' : `handed over to ${handedOverTo}`,
  ].filter((note) => note !== '');
  return `${person}, ${moveSteps[step]}: ${notes.join(', ') || 'not answered'}`;
}
