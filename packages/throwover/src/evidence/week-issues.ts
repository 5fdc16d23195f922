/** A week as issues of a tracker: one issue a task, found again by the marker in its body. */
import { lastDay, type WeekTask } from './week-task.ts';

/** One issue, as far as a week cares. */
export interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly state: 'open' | 'closed';
  /** Logins at the tracker. */
  readonly assignees: readonly string[];
}

export type IssueText = Pick<Issue, 'title' | 'body' | 'assignees'>;

/**
 * Port: where issues are. Every call: deadline 10 s, not repeated; throws `tracker-refused`, `tracker-limited`
 * or `tracker-away`. Issues that it makes carry the label that `list` looks for.
 */
export interface IssueTracker {
  /** For people: `acme/checkout`. */
  readonly name: string;
  /** Those with the label, open and closed, oldest first; no pull requests. */
  list(): Promise<readonly Issue[]>;
  create(issue: IssueText): Promise<number>;
  update(number: number, changed: IssueText & Pick<Issue, 'state'>): Promise<void>;
}

export type IssueAct =
  | { readonly act: 'create'; readonly issue: IssueText }
  | {
      readonly act: 'update' | 'close' | 'reopen';
      readonly number: number;
      readonly issue: IssueText;
    };

/**
 * What is to be done so that the tracker says what the week says: a task that is not done has an open issue
 * with today's text, one that is done, or is no longer there, a closed one. An issue that was closed by
 * hand is opened again: evidence closes it. Issues without the marker are nobody's business here, and of
 * two with the same one the older is meant.
 *
 * `sure`: every source that tasks come from was read; else a task that is not there may be there, and its
 * issue stays as it is. Pure.
 */
export function issueActs(
  tasks: readonly WeekTask[],
  issues: readonly Issue[],
  options: {
    readonly service: string;
    readonly logins: Readonly<Record<string, string>>;
    readonly sure: boolean;
  },
): readonly IssueAct[] {
  const { service, logins, sure } = options;
  const own = new Map<string, Issue>();
  for (const issue of [...issues].sort((a, b) => a.number - b.number)) {
    const key = keyIn(issue.body, service);
    if (key !== null && !own.has(key)) own.set(key, issue);
  }
  const acts = tasks.flatMap((task): IssueAct[] => {
    const issue = textOf(task, service, logins);
    const before = own.get(task.key);
    own.delete(task.key);
    if (before === undefined) return task.done ? [] : [{ act: 'create', issue }];
    const { number, state } = before;
    if (task.done) return state === 'closed' ? [] : [{ act: 'close', number, issue }];
    if (state === 'closed') return [{ act: 'reopen', number, issue }];
    return same(before, issue) ? [] : [{ act: 'update', number, issue }];
  });
  const gone = sure ? [...own.values()].filter(({ state }) => state === 'open') : [];
  return [
    ...acts,
    ...gone.map(({ number, ...issue }): IssueAct => ({ act: 'close', number, issue })),
  ];
}

/** Does it; what it says when it ends, or how far it came when it throws, is what was written. */
export async function carryOutIssueActs(
  tracker: IssueTracker,
  acts: readonly IssueAct[],
  wrote: (act: IssueAct['act'], number: number) => void,
): Promise<void> {
  for (const each of acts) {
    if (each.act === 'create') {
      wrote(each.act, await tracker.create(each.issue));
      continue;
    }
    const state = each.act === 'close' ? 'closed' : 'open';
    const { title, body, assignees } = each.issue;
    await tracker.update(each.number, { title, body, assignees, state });
    wrote(each.act, each.number);
  }
}

const markerOf = (key: string, service: string) =>
  `<!-- throwover week ${service} ${encodeURIComponent(key)} -->`;

/** The marker counts in the first line alone: further down anybody may have quoted it. */
function keyIn(body: string, service: string): string | null {
  const [first = ''] = body.split(/\r?\n/);
  const found = /^<!-- throwover week (\S+) (\S+) -->$/.exec(first);
  if (found === null || found[1] !== service) return null;
  try {
    return decodeURIComponent(found[2] ?? '');
  } catch {
    return null;
  }
}

function textOf(
  task: WeekTask,
  service: string,
  logins: Readonly<Record<string, string>>,
): IssueText {
  const { key, person, what, why, how, command, minutes, dueWallMs, byWord, done } = task;
  const login = person === null ? undefined : logins[person];
  const when = dueWallMs === null ? 'this week' : `by ${lastDay(dueWallMs)}`;
  return {
    title: `${service}: ${what}`,
    assignees: login === undefined ? [] : [login],
    body: [
      markerOf(key, service),
      `For ${person ?? 'whoever is named first: nobody is'}, ${when}, ${minutes} min.`,
      quoted(why),
      command ? indented(how) : how,
      done
        ? 'Its evidence is there.'
        : byWord
          ? `It closes when its owner says \`throwover week done "${key}"\`.`
          : 'It closes when its evidence is there.',
      '_`throwover week --send` writes this text anew each time; comments stay._',
    ].join('\n\n'),
  };
}

/** What people have typed (a finding) stands as a quotation, with no mention in it that reaches anybody. */
function quoted(text: string): string {
  const lines = text.replaceAll('@', '@\u200b').split(/\r?\n/);
  return lines.map((line) => `> ${line}`).join('\n');
}

const indented = (text: string) => text.replace(/^/gm, '    ');

function same(a: IssueText, b: IssueText): boolean {
  const list = ({ assignees }: IssueText) => [...assignees].sort().join();
  // GitHub gives line breaks back as they were typed in its own editor.
  return a.title === b.title && a.body.replaceAll('\r\n', '\n') === b.body && list(a) === list(b);
}
