/** One engineer's week: what is stale or due, each with why, how and how long. Pure. */
import { isoTime, wrap } from '../kernel/kernel.ts';
import { type AuditFacts, audit, keyOf, type Subject, subjectOf } from './audit.ts';
import { inUse, reviewOpen } from './change.ts';
import { dayMs, rehearsal } from './metrics.ts';

const weekMs = 7 * dayMs;

/** How long a draft may lie before somebody decides, ms. */
const draftPatienceMs = 14 * dayMs;

export interface WeekTask {
  /** Null: nobody is named, which is the first thing to mend. */
  readonly person: string | null;
  readonly what: string;
  readonly why: string;
  readonly how: string;
  /** `how` is a command; else it is a sentence. */
  readonly command: boolean;
  readonly minutes: number;
  readonly dueWallMs: number | null;
  /** Its evidence, or its owner's word, is there. */
  readonly done: boolean;
}

/** Minutes that a task takes for which nobody has said it. */
const usualMinutes = {
  panel: 15,
  step: 120,
  review: 45,
  draft: 30,
  name: 15,
} as const;

/** Of everybody; those that are done last. */
export function weekOf(facts: AuditFacts): readonly WeekTask[] {
  const tasks = [...weekly(facts), ...stale(facts), ...reviews(facts), ...drafts(facts)];
  const due = ({ dueWallMs }: WeekTask) => dueWallMs ?? facts.nowWallMs;
  return tasks.sort((a, b) => Number(a.done) - Number(b.done) || due(a) - due(b));
}

function subjectsOf({ subjects, changes }: AuditFacts): readonly Subject[] {
  return [...subjects, ...changes.filter(inUse).map(subjectOf)];
}

/** The tasks that come back each week. */
function weekly(facts: AuditFacts): readonly WeekTask[] {
  const lines = audit(facts).lines.filter(({ rule }) => rule === 'task');
  return subjectsOf(facts).flatMap((subject) => {
    const line = lines.find((each) => each.subject === keyOf(subject));
    if (subject.task === null || line === undefined) return [];
    const { title, how, minutes } = subject.task;
    return [
      {
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

/** What the operating test misses besides those. Steps that wait for the same rehearsal are one task a person. */
function stale(facts: AuditFacts): readonly WeekTask[] {
  const lines = audit(facts).lines.filter(({ ok }) => !ok);
  const tasks = new Map<string, WeekTask>();
  for (const { rule, subject, says, todo, owner } of lines) {
    if (rule === 'review' || rule === 'task') continue;
    const person = onCallOr(owner, facts);
    const how = todo ?? '';
    const key = `${person} ${how}`;
    const before = tasks.get(key);
    const why = `${subject}: ${says}`;
    tasks.set(key, {
      person,
      what: whatOf(rule, how),
      why: before === undefined ? why : `${before.why}; ${why}`,
      how,
      command: how.startsWith('throwover'),
      minutes: rule === 'owner' ? usualMinutes.name : usualMinutes[rule],
      dueWallMs: null,
      done: false,
    });
  }
  return [...tasks.values()];
}

function whatOf(rule: 'panel' | 'step' | 'owner', how: string): string {
  if (how === rehearsal) return 'Rehearse a switch';
  if (how.startsWith('throwover')) return 'Measure again';
  return rule === 'owner' ? 'Name an owner' : `Name a ${rule}`;
}

function reviews({ changes, nowWallMs, ...facts }: AuditFacts): readonly WeekTask[] {
  return changes.flatMap((change) => {
    const due = change.reviewDueWallMs;
    if (due === null || due > nowWallMs + weekMs) return [];
    const open = reviewOpen(change, nowWallMs);
    return [
      {
        person: onCallOr(change.owner, facts),
        what: `Review the change ${change.name}`,
        why: `shipped ${day(change.shippedWallMs ?? due)}; ${open ? 'its review opened' : 'its review opens'} ${day(due)}`,
        how: `throwover change review ${change.name}`,
        command: true,
        minutes: usualMinutes.review,
        dueWallMs: due,
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

/** Somebody who is no longer on call owns nothing this week. */
function onCallOr(owner: string | null, { onCall }: Pick<AuditFacts, 'onCall'>): string | null {
  return owner !== null && onCall.includes(owner) ? owner : null;
}

const day = (wallMs: number) => isoTime(wallMs).slice(0, 10);

/** Hours and minutes of what is not done. */
function load(tasks: readonly WeekTask[]): string {
  const minutes = tasks.reduce((sum, task) => sum + (task.done ? 0 : task.minutes), 0);
  return minutes < 60 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

function byPerson(tasks: readonly WeekTask[]) {
  const people = [...new Set(tasks.map(({ person }) => person))].sort((a, b) =>
    (a ?? '').localeCompare(b ?? ''),
  );
  return people.map((person) => ({
    name: person ?? 'nobody is named',
    own: tasks.filter((task) => task.person === person),
  }));
}

/** For a terminal of 80 columns. */
export function weekText(tasks: readonly WeekTask[], nowWallMs: number): string {
  if (tasks.length === 0) return `The week of ${day(nowWallMs)}: nothing to do.`;
  const parts = byPerson(tasks).map(({ name, own }) => {
    const lines = own.flatMap(({ what, why, how, command, minutes, done }) => [
      ...wrap(`  [${done ? 'x' : ' '}] ${what} (${minutes} min)`, 6),
      ...wrap(`      ${why}`, 6),
      ...(done ? [] : wrap(`      ${command ? '$ ' : ''}${how}`, 8)),
    ]);
    return [`${name}: ${load(own)}`, ...lines].join('\n');
  });
  return [`The week of ${day(nowWallMs)}`, ...parts].join('\n\n');
}

export function weekMarkdown(tasks: readonly WeekTask[], nowWallMs: number): string {
  const parts = byPerson(tasks).map(({ name, own }) => {
    const lines = own.map(
      ({ what, why, how, command, minutes, done }) =>
        `- [${done ? 'x' : ' '}] **${what}** (${minutes} min): ${why}${done ? '' : `\n  ${command ? `\`${how}\`` : how}`}`,
    );
    return `## ${name}, ${load(own)}\n\n${lines.join('\n')}`;
  });
  const body = parts.length === 0 ? ['Nothing to do.'] : parts;
  return [`# The week of ${day(nowWallMs)}`, ...body].join('\n\n');
}
