import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type DrillFacts,
  drillErrors,
  drillFacts,
  historyText,
  peopleText,
  planDrills,
  plannedLines,
  planText,
} from '../../drills/drills.ts';
import type { CommandContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { Session } from '../session.ts';

/** Returns the facts for drills. Throws `no-drills` for a service that has declared none. */
export async function factsOf({ loaded, parts, clock }: Session): Promise<DrillFacts> {
  const facts = await drillFacts(loaded.service, parts, clock);
  if (facts !== null) return facts;
  throw drillErrors.make('no-drills', `${loaded.service.name} has no drills in ${loaded.path}`);
}

/** `throwover drill plan`: shows the next drills, who drives each, and why dates were moved. */
export async function drillPlan(
  { output, session }: CommandContext,
  { count }: { count: number },
): Promise<ExitCode> {
  const facts = await factsOf(session);
  const plan = planDrills(facts.plan, count);
  const unknown = facts.unknown.map((error) => error.toJSON());
  output.result({ ...plan, unknown }, planText(plan, facts));
  return exitCodes.ok;
}

/** `throwover drill next`: shows the next drill, or the one that is due. */
export async function drillNext({ output, session }: CommandContext): Promise<ExitCode> {
  const facts = await factsOf(session);
  const [next = null] = planDrills(facts.plan, 1).next;
  const text =
    next === null
      ? 'The rule gives no drill any more: see drills.every.'
      : [
          ...plannedLines(next, facts.policy.zone),
          '    throwover drill start',
          ...facts.unknown.map(({ code, message }) => `UNKNOWN: ${code}: ${message}`),
        ].join('\n');
  output.result({ next }, text);
  return exitCodes.ok;
}

/** `throwover drill history`: shows the drills so far, newest first. */
export async function drillHistory({ output, session }: CommandContext): Promise<ExitCode> {
  const { drills, policy } = await factsOf(session);
  output.result({ drills }, historyText(drills, policy.zone));
  return exitCodes.ok;
}

/** `throwover drill people`: shows what each person has practised; no ranking. */
export async function drillPeople({ output, session }: CommandContext): Promise<ExitCode> {
  const { memory } = await factsOf(session);
  output.result({ people: memory }, peopleText(memory));
  return exitCodes.ok;
}

/** `throwover drill calendar`: writes the next drills as iCalendar, to a file or to stdout. */
export async function drillCalendar(
  { output, session }: CommandContext,
  { out, count }: { out: string | undefined; count: number },
): Promise<ExitCode> {
  const { calendarText } = await import('../../drills/calendar-out.ts');
  const facts = await factsOf(session);
  const text = calendarText({
    service: session.loaded.service.name,
    policy: facts.policy,
    plan: planDrills(facts.plan, count),
    nowWallMs: facts.plan.nowWallMs,
  });
  if (out === undefined) {
    output.result({ calendar: text }, text.trimEnd());
    return exitCodes.ok;
  }
  const path = resolve(out);
  await writeFile(path, text);
  output.result({ path }, path);
  return exitCodes.ok;
}
