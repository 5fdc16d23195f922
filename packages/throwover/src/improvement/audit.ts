/**
 * The operating test: an idea that changes no dashboard, no runbook and no named engineer's week is
 * a slide.
 *
 * Pure rules over facts. Each line becomes true when a person does what it says, and becomes false
 * again when that is undone.
 */

import { isoTime, shellWord } from '../kernel/kernel.ts';
import { dayMs, metricOf, quarterMs } from '../records/records.ts';
import {
  type AuditLine,
  keyOf,
  line,
  no,
  type Said,
  type Subject,
  since,
  yes,
} from './audit-line.ts';
import { type Change, inUse, reviewOpen } from './change.ts';
import { type Practice, practiceLines } from './practice.ts';

export {
  type AuditLine,
  type AuditRule,
  auditRules,
  keyOf,
  type Subject,
  type Todo,
  todoText,
} from './audit-line.ts';

const weekMs = 7 * dayMs;

/** How long an open review may wait for its owner, ms. */
export const reviewPatienceMs = weekMs;

export interface AuditFacts {
  readonly nowWallMs: number;
  readonly subjects: readonly Subject[];
  readonly changes: readonly Change[];
  readonly onCall: readonly string[];
  /** Panels by name, as throwover.yaml declares them. */
  readonly panels: ReadonlyMap<
    string,
    { readonly metric: string; readonly freshMs: number | null }
  >;
  /**
   * When the newest sample of a metric was measured, wall ms; absent when none was found in the
   * period that was searched.
   */
  readonly newestSample: ReadonlyMap<string, number>;
  /** When a step of a runbook last ran to its end, wall ms. */
  readonly stepRan: ReadonlyMap<string, number>;
  /** The last person who did the task of a subject, and when. */
  readonly taskDone: ReadonlyMap<
    string,
    readonly { readonly by: string; readonly atWallMs: number }[]
  >;
  /** Records of what people have practised, for the truth `people`. */
  readonly practice: Practice;
}

/** The truth that only practice makes true. */
export const practised = 'people';

export interface Audit {
  readonly lines: readonly AuditLine[];
  /** Names of the subjects that have a failed line. */
  readonly slides: readonly string[];
}

/** Returns a change in use as a subject of the operating test. */
export function subjectOf(change: Change): Subject {
  const { name, hypothesis, panel, step, owner, task } = change;
  return {
    kind: 'change',
    name,
    title: hypothesis,
    panel: panel ?? null,
    step: step ?? null,
    owner,
    task:
      task === undefined
        ? null
        : { title: task, how: `throwover week done ${shellWord(`change ${name}`)}`, minutes: 30 },
  };
}

export function audit(facts: AuditFacts): Audit {
  const changes = facts.changes.filter(inUse);
  const lines = [...facts.subjects, ...changes.map(subjectOf)].flatMap((subject) => [
    panelLine(subject, facts),
    stepLine(subject, facts),
    ownerLine(subject, facts),
    taskLine(subject, facts),
    ...(subject.kind === 'truth' && subject.name === practised
      ? practiceLines(subject, facts)
      : []),
  ]);
  const reviews = changes.filter((change) => reviewOpen(change, facts.nowWallMs));
  lines.push(...reviews.map((change) => reviewLine(change, facts)));
  const slides = new Set(lines.flatMap(({ ok, subject }) => (ok ? [] : [subject])));
  return { lines, slides: [...slides] };
}

function panelLine(subject: Subject, { panels, newestSample, nowWallMs }: AuditFacts): AuditLine {
  const { panel } = subject;
  const say = (said: Said) => line(subject, 'panel', said);
  if (panel === null) return say(no('no panel', `name one: ${whereOf(subject, 'panel')}`));
  const declared = panels.get(panel);
  if (declared === undefined) {
    return say(no(`no panel "${panel}"`, `declare it under evidence.panels in throwover.yaml`));
  }
  const metric = metricOf(declared.metric);
  if (metric === null) {
    return say(no(`panel ${panel} shows ${declared.metric}, which is no metric`, 'name a metric'));
  }
  const newest = newestSample.get(metric.name);
  const freshMs = declared.freshMs ?? metric.freshMs;
  if (newest === undefined || nowWallMs - newest > freshMs) {
    const age = newest === undefined ? 'has no data' : `is ${since(nowWallMs - newest)} old`;
    return say(no(`${metric.name} ${age}; fresh is ${since(freshMs)}`, metric.refresh));
  }
  return say(yes(`${panel}: ${metric.name}, ${since(nowWallMs - newest)} old`));
}

function stepLine(subject: Subject, { stepRan, nowWallMs }: AuditFacts): AuditLine {
  const { step } = subject;
  const say = (said: Said) => line(subject, 'step', said);
  if (step === null) return say(no('no runbook step', `name one: ${whereOf(subject, 'step')}`));
  const ran = stepRan.get(step);
  if (ran === undefined || nowWallMs - ran > quarterMs) {
    const when = ran === undefined ? 'has not run' : `ran ${since(nowWallMs - ran)} ago`;
    return say(no(`${step} ${when}; at most ${since(quarterMs)}`, { kind: 'rehearse' }));
  }
  return say(yes(`${step} ran ${since(nowWallMs - ran)} ago`));
}

function ownerLine(subject: Subject, { onCall }: AuditFacts): AuditLine {
  const { owner } = subject;
  const say = (said: Said) => line(subject, 'owner', said);
  if (owner === null) return say(no('no owner', `name one: ${whereOf(subject, 'owner')}`));
  if (onCall.includes(owner)) return say(yes(owner));
  return say(no(`${owner} is not on call`, `name one who is: ${whereOf(subject, 'owner')}`));
}

function taskLine(subject: Subject, { taskDone, nowWallMs }: AuditFacts): AuditLine {
  const { task, owner } = subject;
  const say = (said: Said) => line(subject, 'task', said);
  if (task === null) return say(no('no weekly task', `name one: ${whereOf(subject, 'task')}`));
  const own = (taskDone.get(keyOf(subject)) ?? []).filter(({ by }) => by === owner);
  const last = own.length === 0 ? null : Math.max(...own.map(({ atWallMs }) => atWallMs));
  if (last === null || nowWallMs - last > weekMs) {
    const when = last === null ? 'was never done' : `was done ${since(nowWallMs - last)} ago`;
    const todo = `do it, then: throwover week done ${shellWord(keyOf(subject))}`;
    return say(no(`"${task.title}" ${when}`, todo));
  }
  return say(yes(`"${task.title}", ${since(nowWallMs - last)} ago`));
}

function reviewLine(change: Change, { nowWallMs }: AuditFacts): AuditLine {
  const openMs = nowWallMs - (change.reviewDueWallMs ?? nowWallMs);
  const opened = isoTime(nowWallMs - openMs).slice(0, 10);
  const says = `its review is open since ${opened}`;
  const todo = `throwover change review ${change.name}`;
  return line(
    subjectOf(change),
    'review',
    openMs > reviewPatienceMs ? no(says, todo) : yes(`${says}; until 7 days after`),
  );
}

function whereOf({ kind, name }: Subject, key: string): string {
  return kind === 'truth'
    ? `evidence.truths.${name}.${key}`
    : `throwover change amend ${name} --${key}`;
}
