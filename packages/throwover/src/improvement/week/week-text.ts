/** A week as text: for a terminal of 80 columns, and as Markdown. Pure. */
import { wrap } from '../../kernel/kernel.ts';
import { day, lastDay, type WeekTask } from './week-task.ts';

const longAndDue = ({ minutes, dueWallMs }: Pick<WeekTask, 'minutes' | 'dueWallMs'>) =>
  `${minutes} min${dueWallMs === null ? '' : `, by ${lastDay(dueWallMs)}`}`;

/** Returns the minutes or hours of the tasks that are not done. */
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

/** Returns text for a terminal of 80 columns. */
export function weekText(tasks: readonly WeekTask[], nowWallMs: number): string {
  if (tasks.length === 0) return `The week of ${day(nowWallMs)}: nothing to do.`;
  const parts = byPerson(tasks).map(({ name, own }) => {
    const lines = own.flatMap(({ what, why, how, command, done, ...task }) => [
      ...wrap(`  [${done ? 'x' : ' '}] ${what} (${longAndDue(task)})`, 6),
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
      ({ what, why, how, command, done, ...task }) =>
        `- [${done ? 'x' : ' '}] **${what}** (${longAndDue(task)}): ${why}${done ? '' : `\n  ${command ? `\`${how}\`` : how}`}`,
    );
    return `## ${name}, ${load(own)}\n\n${lines.join('\n')}`;
  });
  const body = parts.length === 0 ? ['Nothing to do.'] : parts;
  return [`# The week of ${day(nowWallMs)}`, ...body].join('\n\n');
}
