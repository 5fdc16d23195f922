import { auditFacts, taskKeys } from '../evidence/facts.ts';
import type { TaskBody } from '../evidence/tasks.ts';
import { weekMarkdown, weekOf, weekText } from '../evidence/week.ts';
import type { CommandContext } from './context.ts';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { onCallPerson, whoGives } from './who.ts';

export const weekFormats = ['text', 'markdown'] as const;
export type WeekFormat = (typeof weekFormats)[number];

/** `throwover week [PERSON]`: that person's tasks; everybody's, and those that nobody has, without one. */
export async function weekCommand(
  { output, session }: CommandContext,
  { person, format }: { person: string | undefined; format: WeekFormat },
): Promise<ExitCode> {
  const { loaded, parts, clock } = session;
  const { service } = loaded;
  const facts = await auditFacts(service, parts, clock);
  const all = weekOf(facts);
  const named = person === undefined ? null : onCallPerson(service.onCall, person);
  const tasks = named === null ? all : all.filter((task) => task.person === named);
  const text = format === 'markdown' ? weekMarkdown : weekText;
  output.result({ tasks }, text(tasks, facts.nowWallMs));
  return exitCodes.ok;
}

/** `throwover week done TASK`: a person's word that the weekly task of a subject is done. */
export async function taskDone(
  context: CommandContext,
  options: { task: string; note?: string; as?: string },
): Promise<ExitCode> {
  const { output, session } = context;
  const by = whoGives(context, options.as);
  const { loaded, parts, clock } = session;
  const keys = taskKeys(await auditFacts(loaded.service, parts, clock));
  if (!keys.includes(options.task)) {
    throw cliErrors.make(
      'usage-wrong',
      `expected one of ${keys.join(', ')}; found "${options.task}"`,
    );
  }
  const body: TaskBody = { event: 'by-word', task: options.task, note: options.note ?? null };
  const record = await parts.records.append('task', by, { ...body });
  output.result(record, `Done by the word of ${by}: ${options.task}`);
  return exitCodes.ok;
}
