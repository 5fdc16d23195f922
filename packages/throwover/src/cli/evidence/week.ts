import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type AuditFacts,
  type TaskBody,
  taskKeys,
  type WeekTask,
  weekMarkdown,
  weekText,
} from '../../improvement/improvement.ts';
import { weekOf } from '../../improvement/week/week.ts';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { operatingFacts } from './operating-test.ts';
import { onCallPerson, whoGives } from './who.ts';

export const weekFormats = ['text', 'markdown', 'ical'] as const;
export type WeekFormat = (typeof weekFormats)[number];

/**
 * `throwover week [PERSON]`: shows that person's tasks; without a person, everybody's tasks and
 * those without an owner.
 */
export async function weekCommand(
  { output, session }: CommandContext,
  options: { person: string | undefined; format: WeekFormat; out?: string | undefined },
): Promise<ExitCode> {
  const { person, format, out } = options;
  const { service } = session.loaded;
  const facts = await operatingFacts(session);
  const all = weekOf(facts);
  const named = person === undefined ? null : onCallPerson(service.onCall, person);
  const tasks = named === null ? all : all.filter((task) => task.person === named);
  const text = await formatted(tasks, format, facts, service.name);
  if (out === undefined) {
    output.result({ tasks }, text.trimEnd());
    return exitCodes.ok;
  }
  const path = resolve(out);
  await writeFile(path, `${text.trimEnd()}${format === 'ical' ? '\r\n' : '\n'}`);
  output.result({ tasks, path }, path);
  return exitCodes.ok;
}

async function formatted(
  tasks: readonly WeekTask[],
  format: WeekFormat,
  { nowWallMs, practice }: AuditFacts,
  service: string,
): Promise<string> {
  if (format === 'text') return weekText(tasks, nowWallMs);
  if (format === 'markdown') return weekMarkdown(tasks, nowWallMs);
  const { weekCalendar } = await import('../../improvement/week/week-calendar.ts');
  const zone = practice.drills?.policy.zone ?? 'UTC';
  return weekCalendar(tasks, { service, zone, nowWallMs });
}

/**
 * `throwover week done TASK`: records a person's statement that the weekly task of a subject is
 * done.
 */
export async function taskDone(
  context: CommandContext,
  options: { task: string; note?: string; as?: string },
): Promise<ExitCode> {
  const { output, session } = context;
  const by = whoGives(context, options.as);
  const { parts } = session;
  const facts = await operatingFacts(session);
  const byWord = weekOf(facts).filter((task) => task.byWord);
  const keys = [...new Set([...taskKeys(facts), ...byWord.map(({ key }) => key)])];
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
