import { Argument, Option } from 'commander';
import {
  type AuditFacts,
  type TaskBody,
  taskKeys,
  type WeekTask,
  weekMarkdown,
  weekText,
} from '../../improvement/improvement.ts';
import { weekOf } from '../../improvement/week/week.ts';
import { answer } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { asPerson } from '../options.ts';
import { operatingFacts } from './operating-test.ts';
import { sendWeek } from './week-send.ts';
import { onCallPerson, whoGives } from './who.ts';

const formats = ['text', 'markdown', 'ical'] as const;
type Format = (typeof formats)[number];

interface Given {
  readonly person?: string | undefined;
  readonly format: Format;
  readonly out?: string;
}

const tasksOfWeek = answer({
  name: 'week',
  says: 'Show the tasks of this week for one person (default: for everybody)',
  look: async (session, { person }: Given) => {
    const { service } = session.loaded;
    const facts = await operatingFacts(session);
    const all = weekOf(facts);
    const named = person === undefined ? null : onCallPerson(service.onCall, person);
    const tasks = named === null ? all : all.filter((task) => task.person === named);
    return { tasks, facts, service: service.name };
  },
  text: ({ tasks, facts, service }, { given }) => formatted(tasks, given.format, facts, service),
  json: ({ tasks }) => ({ tasks }),
  inFile: ({ tasks }) => ({ tasks }),
});

/**
 * A person's tasks; without a person, everybody's tasks and those without an owner. With `send`,
 * everybody's are sent.
 */
export const weekCommand = {
  ...tasksOfWeek,
  takes: () => [
    new Argument('[person]', 'A person of onCall'),
    new Option('--format <format>', 'Output format').choices(formats).default('text'),
    ...tasksOfWeek.takes(),
    new Option(
      '--send',
      'Send the tasks of everybody, as issues (week.github) and by webhook and e-mail',
    ),
  ],
  run: async (
    context: Pick<CommandContext, 'output' | 'session'>,
    given: Given & { readonly send?: boolean },
  ) => {
    if (given.send !== true) return tasksOfWeek.run(context, given);
    if (given.person === undefined && given.out === undefined) return sendWeek(context);
    throw cliErrors.make('usage-wrong', "--send sends everybody's week: no PERSON, no --out");
  },
};

async function formatted(
  tasks: readonly WeekTask[],
  format: Format,
  { nowWallMs, practice }: AuditFacts,
  service: string,
): Promise<string> {
  if (format === 'text') return weekText(tasks, nowWallMs);
  if (format === 'markdown') return weekMarkdown(tasks, nowWallMs);
  const { weekCalendar } = await import('../../improvement/week/week-calendar.ts');
  const zone = practice.drills?.policy.zone ?? 'UTC';
  return weekCalendar(tasks, { service, zone, nowWallMs });
}

/** Records a person's statement that the weekly task of a subject is done. */
export const taskDone = answer({
  name: 'week done',
  says: 'Record that you have done a task, named as in `throwover week`: `truth NAME`, `change NAME`, `drill DATE plan`',
  takes: () => [
    new Argument('<task>'),
    asPerson(),
    new Option('--note <text>', 'What you saw when you did the task'),
  ],
  look: async (session, { task, note, as }: { task: string; note?: string; as?: string }) => {
    const by = whoGives(session, as);
    const facts = await operatingFacts(session);
    const byWord = weekOf(facts).filter((one) => one.byWord);
    const keys = [...new Set([...taskKeys(facts), ...byWord.map(({ key }) => key)])];
    if (!keys.includes(task)) {
      throw cliErrors.make('usage-wrong', `expected one of ${keys.join(', ')}; found "${task}"`);
    }
    const body: TaskBody = { event: 'by-word', task, note: note ?? null };
    return session.parts.records.append('task', by, { ...body });
  },
  text: ({ by }, { given }) => `Done by the word of ${by}: ${given.task}`,
});
