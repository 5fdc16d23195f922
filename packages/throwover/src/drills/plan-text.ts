/** Text of the plan of drills and of past drills, for a terminal of 80 columns. Pure. */
import { wrap } from '../kernel/kernel.ts';
import { localDay, localText, timeText } from './dates.ts';
import type { Drill } from './drill.ts';
import type { DrillFacts } from './facts.ts';
import { coverage, type PersonMemory } from './moves.ts';
import type { DrillPlan, PlannedDrill } from './planner.ts';

type Facts = Pick<DrillFacts, 'policy' | 'unknown'>;

export function planText(plan: DrillPlan, { policy, unknown }: Facts): string {
  const { next, missed, fair, everyoneByWallMs } = plan;
  const { zone, rota } = policy;
  const everyone =
    everyoneByWallMs === null
      ? ''
      : ` Everybody will have driven by ${localDay(everyoneByWallMs, zone)}.`;
  return [
    `Drills, times of ${zone}`,
    '',
    ...next.flatMap((drill) => plannedLines(drill, zone)),
    ...(missed.length === 0
      ? []
      : ['', ...wrap(`Missed: ${missed.join(', ')} (the next one was due before it was held)`, 2)]),
    '',
    ...wrap(
      fair.met
        ? `${fair.drivers} drive, ${fair.drillsWithin} drills in ${rota.everyoneWithin} quarters.${everyone}`
        : `TOO FEW: ${fair.drivers} drive, and ${rota.everyoneWithin} quarters have ${fair.drillsWithin} drills. Not everybody will have driven in that time.${everyone}`,
      2,
    ),
    ...unknown.flatMap((error) => wrap(`UNKNOWN: ${error.code}: ${error.message}`, 2)),
  ].join('\n');
}

export function plannedLines(drill: PlannedDrill, zone: string): readonly string[] {
  const { due, kind, moved, overdue, driver, shadow, passedOver } = drill;
  const indent = '    ';
  return [
    ...wrap(`${due}  ${kind}${overdue ? ', OVERDUE' : ''}`, 2),
    ...wrap(`${indent}${whenText(drill, zone)}`, 6),
    ...(moved.length === 0 ? [] : wrap(`${indent}moved: ${moved.join(', ')}`, 6)),
    ...(drill.window === null
      ? []
      : wrap(`${indent}drives: ${driver ?? 'NOBODY CAN'}; shadow: ${shadow ?? 'nobody'}`, 6)),
    ...passedOver.flatMap(({ who, why }) => wrap(`${indent}not ${who}: ${why}`, 6)),
  ];
}

/** Returns `Tue 2026-04-14 10:00 to 15:00`; for a surprise, from its first window to its last. */
export function whenText({ window, kind }: PlannedDrill, zone: string): string {
  if (window === null) return 'NO FREE WINDOW for a year';
  const { fromWallMs, untilWallMs } = window;
  return kind === 'surprise'
    ? `in a window from ${localText(fromWallMs, zone)} to ${localText(untilWallMs, zone)}`
    : `${localText(fromWallMs, zone)} to ${timeText(untilWallMs, zone)}`;
}

const outcomes = {
  whole: 'there and back',
  aborted: 'aborted, and back',
  'not-back': 'NOT BACK: it stands where the drill took it',
  'not-begun': 'nothing was moved',
} as const;

/** Returns past drills, newest first. */
export function historyText(drills: readonly Drill[], zone: string): string {
  if (drills.length === 0) return 'No drill was begun yet: throwover drill next';
  return [...drills]
    .reverse()
    .flatMap(({ id, due, kind, driver, shadow, startedWallMs, ended, abort, handedOver }) => [
      ...wrap(`${id}  ${localText(startedWallMs, zone)}  ${kind}, due ${due ?? 'by no date'}`, 4),
      ...wrap(`    drove: ${driver}; shadow: ${shadow ?? 'nobody'}`, 6),
      ...handedOver.flatMap(({ from, to }) => wrap(`    ${from} handed over to ${to}`, 6)),
      ...wrap(`    ${ended === null ? 'goes on' : outcomes[ended.outcome]}`, 6),
      ...(abort === null ? [] : wrap(`    ended early: ${abort.reason} (${abort.by})`, 6)),
    ])
    .join('\n');
}

/** Returns people in the order of the rota: it is for learning, not a ranking. */
export function peopleText(memory: readonly PersonMemory[]): string {
  const { drove, of } = coverage(memory);
  const share = of === 0 ? '' : ` (${Math.round((drove / of) * 100)} %)`;
  return [
    `${drove} of ${of}${share} have driven in the last 180 days.`,
    ...memory.flatMap(({ person, steps, daysSince }) => [
      '',
      ...wrap(
        `${person}: ${daysSince === null ? 'has never driven' : `drove ${daysSince} d ago`}`,
        2,
      ),
      ...steps.flatMap(
        ({ step, seconds, typos, helped, expert, handedOver, confidence, times }) => {
          const notes = [
            seconds === null ? '' : `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`,
            count(typos, 'typo'),
            count(helped, 'help'),
            count(expert, 'expert'),
            count(handedOver, 'handed over'),
          ].filter((note) => note !== '');
          const head = `  ${step.padEnd(8)} ${String(Math.round(confidence * 100)).padStart(3)} %  ${times}x`;
          return wrap(`${head}  ${notes.join(', ')}`, 21);
        },
      ),
    ]),
  ].join('\n');
}

const count = (times: number, what: string) => (times === 0 ? '' : `${what} ${times}x`);
