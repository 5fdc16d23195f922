import { issueTrackerOf } from '../../compose/compose.ts';
import {
  type AuditFacts,
  carryOutIssueActs,
  day,
  type IssueAct,
  improvementErrors,
  issueActs,
  type WeekTask,
  weekText,
} from '../../improvement/improvement.ts';
import { weekOf } from '../../improvement/week/week.ts';
import { isThrowoverError } from '../../kernel/kernel.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { operatingFacts } from './operating-test.ts';

/** `throwover week --send`: files everybody's tasks as issues and sends the notice of the week. */
export async function sendWeek({
  output,
  session,
}: Pick<CommandContext, 'output' | 'session'>): Promise<ExitCode> {
  const { loaded, notifiers } = session;
  const { github } = loaded.service.week;
  const told = notifiers.wanting('week');
  if (github === undefined && told.length === 0) {
    throw improvementErrors.make(
      'week-sent-nowhere',
      `${loaded.path} says nowhere to send a week to`,
    );
  }
  const facts = await operatingFacts(session);
  const tasks = weekOf(facts);
  // Notices go first, so that they are sent even when the issue tracker refuses.
  const failuresBefore = notifiers.failures;
  notifiers.tell(noticeOf(tasks, facts, loaded.service.name));
  await notifiers.settled();
  const failed = notifiers.failures - failuresBefore;
  const issues = await toTracker({ output, session }, tasks, facts);
  const lines = [
    ...(told.length === 0 ? [] : [`Told: ${told.length - failed} of ${told.length}.`]),
    ...(issues === null ? [] : [`Issues in ${issues.tracker}: ${countText(issues.wrote)}.`]),
  ];
  output.result({ told, failed, issues }, lines.join('\n'));
  return failed === 0 ? exitCodes.ok : exitCodes.failed;
}

function noticeOf(tasks: readonly WeekTask[], { nowWallMs }: AuditFacts, service: string) {
  const open = tasks.filter(({ done }) => !done);
  const people = new Set(open.map(({ person }) => person)).size;
  return {
    kind: 'week',
    service,
    runId: null,
    subject: `The week of ${service}, ${day(nowWallMs)}: ${open.length} tasks for ${people}`,
    text: weekText(open, nowWallMs),
    wallMs: nowWallMs,
  } as const;
}

type Wrote = readonly { readonly act: IssueAct['act']; readonly number: number }[];

/** Writes the issues; null when the service has no tracker. */
async function toTracker(
  { output, session }: Pick<CommandContext, 'output' | 'session'>,
  tasks: readonly WeekTask[],
  { practice }: AuditFacts,
): Promise<{ tracker: string; wrote: Wrote } | null> {
  const { loaded, env, clock } = session;
  const { github } = loaded.service.week;
  const tracker = issueTrackerOf(loaded, { env, clock });
  if (tracker === null || github === undefined) return null;
  const acts = issueActs(tasks, await tracker.list(), {
    service: loaded.service.name,
    logins: github.logins,
    sure: (practice.drills?.unknown ?? []).length === 0,
  });
  const wrote: Wrote[number][] = [];
  try {
    await carryOutIssueActs(tracker, acts, (act, number) => wrote.push({ act, number }));
  } catch (error) {
    if (isThrowoverError(error)) {
      output.say(`Until then, in ${tracker.name}: ${countText(wrote)}, of ${acts.length}.`);
    }
    throw error;
  }
  return { tracker: tracker.name, wrote };
}

function countText(wrote: Wrote): string {
  const parts = (['create', 'update', 'reopen', 'close'] as const).flatMap((act) => {
    const own = wrote.filter((each) => each.act === act);
    return own.length === 0
      ? []
      : [`${words[act]} ${own.map(({ number }) => `#${number}`).join(' ')}`];
  });
  return parts.length === 0 ? 'nothing to change' : parts.join(', ');
}

const words = {
  create: 'made',
  update: 'changed',
  reopen: 'opened again',
  close: 'closed',
} as const;
