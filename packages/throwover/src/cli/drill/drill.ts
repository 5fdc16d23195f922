import { Option } from 'commander';
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
import { answer } from '../command.ts';
import { whole } from '../options.ts';
import type { Session } from '../session.ts';

/** Returns the facts for drills. Throws `no-drills` for a service that has declared none. */
export async function factsOf({ loaded, parts, clock }: Session): Promise<DrillFacts> {
  const facts = await drillFacts(loaded.service, parts, clock);
  if (facts !== null) return facts;
  throw drillErrors.make('no-drills', `${loaded.service.name} has no drills in ${loaded.path}`);
}

const count = (usual: number) =>
  new Option('--count <number>', 'How many to show').argParser(whole(1, 40)).default(usual);

/** The next drills, who drives each, and why dates were moved. */
export const drillPlan = answer({
  name: 'drill plan',
  says: 'Show the next drills: date, driver, and what moved the date',
  takes: () => [count(6)],
  look: async (session, given: { count: number }) => {
    const facts = await factsOf(session);
    return { facts, plan: planDrills(facts.plan, given.count) };
  },
  text: ({ plan, facts }) => planText(plan, facts),
  json: ({ plan, facts }) => ({ ...plan, unknown: facts.unknown.map((error) => error.toJSON()) }),
});

/** The next drill, or the one that is due. */
export const drillNext = answer({
  name: 'drill next',
  says: 'Show the next drill, or the one that is due',
  look: async (session) => {
    const facts = await factsOf(session);
    const [next = null] = planDrills(facts.plan, 1).next;
    return { facts, next };
  },
  text: ({ facts, next }) =>
    next === null
      ? 'The rule gives no drill any more: see drills.every.'
      : [
          ...plannedLines(next, facts.policy.zone),
          '    throwover drill start',
          ...facts.unknown.map(({ code, message }) => `UNKNOWN: ${code}: ${message}`),
        ].join('\n'),
  json: ({ next }) => ({ next }),
});

/** The drills so far, newest first. */
export const drillHistory = answer({
  name: 'drill history',
  says: 'List past drills',
  look: factsOf,
  text: ({ drills, policy }) => historyText(drills, policy.zone),
  json: ({ drills }) => ({ drills }),
});

/** Shows, for each person, the practised parts. People are not compared. */
export const drillPeople = answer({
  name: 'drill people',
  says: 'Show what each person has practised, and how long ago',
  look: async (session) => ({ people: (await factsOf(session)).memory }),
  text: ({ people }) => peopleText(people),
});

/** The next drills as iCalendar. */
export const drillCalendar = answer({
  name: 'drill calendar',
  says: 'Print the next drills as iCalendar',
  takes: () => [count(8)],
  look: async (session, given: { count: number; out?: string }) => {
    const { calendarText } = await import('../../drills/calendar-out.ts');
    const facts = await factsOf(session);
    const calendar = calendarText({
      service: session.loaded.service.name,
      policy: facts.policy,
      plan: planDrills(facts.plan, given.count),
      nowWallMs: facts.plan.nowWallMs,
    });
    return { calendar };
  },
  text: ({ calendar }) => calendar,
  inFile: () => ({}),
});
