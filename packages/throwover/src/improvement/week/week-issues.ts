/** A week as issues in a tracker: one issue for each task, recognised by the marker in its body. */
import { shellWord } from '../../kernel/kernel.ts';
import { lastDay, type WeekTask } from './week-task.ts';

/** The fields of an issue that a week uses. */
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
 * Port to the issue tracker. Every call has a deadline of 10 s and is not retried; throws
 * `tracker-refused`, `tracker-limited` or `tracker-away`. New issues get the label that `list`
 * looks for.
 */
export interface IssueTracker {
  /** Name for people: `acme/checkout`. */
  readonly name: string;
  /** Returns the issues with the label, open and closed, oldest first; no pull requests. */
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
 * Returns the changes that make the tracker match the week. A task that is not done gets an open
 * issue with today's text; a task that is done, or no longer exists, gets a closed one. An issue
 * that was closed by hand is opened again: only evidence closes it. Issues without the marker are
 * left alone; of two with the same marker, the older one counts.
 *
 * `sure`: every source of tasks was read. Otherwise a missing task may still exist, so its issue
 * stays as it is. Pure.
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

/**
 * Carries out the changes and reports each one to `wrote` after it succeeded, so that the caller
 * knows what was written even when this throws.
 */
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

/**
 * Returns the key in the marker. Only the first line counts: further down anybody may have quoted
 * it.
 */
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
          ? `It closes when its owner says \`throwover week done ${shellWord(key)}\`.`
          : 'It closes when its evidence is there.',
      '_`throwover week --send` writes this text anew each time; comments stay._',
    ].join('\n\n'),
  };
}

/**
 * Returns a text that a person typed (a finding) as a quotation, without mentions that would notify
 * anybody.
 */
function quoted(text: string): string {
  const lines = text.replaceAll('@', '@\u200b').split(/\r?\n/);
  return lines.map((line) => `> ${line}`).join('\n');
}

const indented = (text: string) => text.replace(/^/gm, '    ');

function same(a: IssueText, b: IssueText): boolean {
  const list = ({ assignees }: IssueText) => [...assignees].sort().join();
  // GitHub returns line breaks as they were typed in its own editor.
  return a.title === b.title && a.body.replaceAll('\r\n', '\n') === b.body && list(a) === list(b);
}
