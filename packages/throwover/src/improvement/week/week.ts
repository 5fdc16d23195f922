/**
 * One engineer's week: tasks for data that is out of date, for due work and for findings; each has
 * a reason, a way to do it and a length. Pure.
 */

import { dayMs } from '../../records/records.ts';
import {
  type AuditFacts,
  type AuditRule,
  audit,
  keyOf,
  reviewPatienceMs,
  type Subject,
  subjectOf,
  type Todo,
  todoText,
} from '../audit.ts';
import { inUse, reviewOpen } from '../change.ts';
import { practiceTasks } from './week-practice.ts';
import { day, onCallOr, type WeekTask } from './week-task.ts';

const weekMs = 7 * dayMs;

/** How long a draft may wait for a decision, ms. */
const draftPatienceMs = 14 * dayMs;

/** Minutes for a task whose length was not declared. */
const usualMinutes = {
  panel: 15,
  step: 120,
  drill: 60,
  drivers: 15,
  runbook: 30,
  review: 45,
  draft: 30,
  owner: 15,
} as const;

/** Returns everybody's tasks; those that are done come last. */
export function weekOf(facts: AuditFacts): readonly WeekTask[] {
  const practice = practiceTasks(facts);
  const tasks = [
    ...weekly(facts),
    ...practice.tasks,
    ...stale(facts, practice.drillAhead),
    ...reviews(facts),
    ...drafts(facts),
  ];
  const due = ({ dueWallMs }: WeekTask) => dueWallMs ?? facts.nowWallMs;
  return tasks.sort((a, b) => Number(a.done) - Number(b.done) || due(a) - due(b));
}

function subjectsOf({ subjects, changes }: AuditFacts): readonly Subject[] {
  return [...subjects, ...changes.filter(inUse).map(subjectOf)];
}

/** Returns the tasks that recur each week. */
function weekly(facts: AuditFacts): readonly WeekTask[] {
  const lines = audit(facts).lines.filter(({ rule }) => rule === 'task');
  return subjectsOf(facts).flatMap((subject) => {
    const line = lines.find((each) => each.subject === keyOf(subject));
    if (subject.task === null || line === undefined) return [];
    const { title, how, minutes } = subject.task;
    return [
      {
        key: keyOf(subject),
        byWord: true,
        person: onCallOr(subject.owner, facts),
        what: title,
        why: `${keyOf(subject)}: ${line.says}`,
        how,
        command: true,
        minutes,
        dueWallMs: null,
        done: line.ok,
      },
    ];
  });
}

/**
 * Returns tasks for the other failed lines of the operating test. Steps that wait for the same
 * rehearsal are one task for each person; there is none where a drill is about to run them.
 */
function stale(facts: AuditFacts, drillAhead: boolean): readonly WeekTask[] {
  const tasks = new Map<string, WeekTask>();
  for (const { rule, subject, says, todo, owner } of audit(facts).lines) {
    if (todo === null || !isStale(rule) || (rule === 'drill' && facts.practice.drills !== null))
      continue;
    const person = onCallOr(owner, facts);
    if (drillAhead && (todo.kind === 'rehearse' || rule === 'drivers')) continue;
    const how = todoText(todo);
    const key = `stale ${person} ${how}`;
    const before = tasks.get(key);
    const why = `${subject}: ${says}`;
    tasks.set(key, {
      key,
      byWord: false,
      person,
      what: whatOf(rule, todo),
      why: before === undefined ? why : `${before.why}; ${why}`,
      how,
      command: todo.kind !== 'act',
      minutes: usualMinutes[rule],
      dueWallMs: null,
      done: false,
    });
  }
  return [...tasks.values()];
}

/** Rules whose failed lines become a task here; the other rules have their own tasks. */
type StaleRule = 'panel' | 'step' | 'owner' | 'drill' | 'drivers' | 'runbook';

function isStale(rule: AuditRule): rule is StaleRule {
  return rule !== 'review' && rule !== 'task' && rule !== 'findings';
}

function whatOf(rule: StaleRule, todo: Todo): string {
  if (todo.kind === 'rehearse') return 'Rehearse a switch';
  if (todo.kind === 'measure') return 'Measure again';
  switch (rule) {
    case 'drill':
      return 'Declare drills';
    case 'drivers':
      return 'Let more people drive';
    case 'runbook':
      return 'Print the runbook';
    case 'owner':
      return 'Name an owner';
    default:
      return `Name a ${rule}`;
  }
}

function reviews({ changes, nowWallMs, ...facts }: AuditFacts): readonly WeekTask[] {
  return changes.flatMap((change) => {
    const due = change.reviewDueWallMs;
    if (due === null || due > nowWallMs + weekMs) return [];
    const open = reviewOpen(change, nowWallMs);
    return [
      {
        key: `review ${change.name}`,
        byWord: false,
        person: onCallOr(change.owner, facts),
        what: `Review the change ${change.name}`,
        why: `shipped ${day(change.shippedWallMs ?? due)}; ${open ? 'its review opened' : 'its review opens'} ${day(due)}`,
        how: `throwover change review ${change.name}`,
        command: true,
        minutes: usualMinutes.review,
        dueWallMs: due + reviewPatienceMs,
        done: false,
      },
    ];
  });
}

function drafts({ changes, nowWallMs, ...facts }: AuditFacts): readonly WeekTask[] {
  return changes.flatMap(({ status, name, owner, createdWallMs }) =>
    status === 'draft' && nowWallMs - createdWallMs > draftPatienceMs
      ? [
          {
            key: `draft ${name}`,
            byWord: false,
            person: onCallOr(owner, facts),
            what: `Ship the change ${name}, or retire it`,
            why: `a draft since ${day(createdWallMs)}`,
            how: `throwover change ship ${name}`,
            command: true,
            minutes: usualMinutes.draft,
            dueWallMs: null,
            done: false,
          },
        ]
      : [],
  );
}
