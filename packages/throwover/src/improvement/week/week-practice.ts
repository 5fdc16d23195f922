/** Tasks from drills and findings: prepare, drive, settle, learn. Pure. */

import {
  coverageMs,
  type DrillFacts,
  type DrillPlan,
  localDay,
  type PlannedDrill,
  planDrills,
  unsettled,
  whenText,
} from '../../drills/drills.ts';
import { dayMs, quarterMs } from '../../records/records.ts';
import type { DrillKind } from '../../service/service.ts';
import { type AuditFacts, practised } from '../audit.ts';
import { ownerless } from '../practice.ts';
import { day, onCallOr, ownerOf, type WeekTask } from './week-task.ts';

/** How long a task that evidence has completed stays in the week, ticked off, ms. */
const doneForMs = 7 * dayMs;

/** Number of drills that are planned ahead, to show when a person's turn is. */
const plannedAhead = 12;

/** Minutes that a drill takes in addition to the soak: both ways, and its report. */
const aroundMinutes = 60;

interface PracticeTasks {
  readonly tasks: readonly WeekTask[];
  /** One of them is a drill that will be driven soon: tasks that need a rehearsal wait for it. */
  readonly drillAhead: boolean;
}

export function practiceTasks(facts: AuditFacts): PracticeTasks {
  const { drills } = facts.practice;
  const findings = findingTasks(facts);
  if (drills === null) return { tasks: findings, drillAhead: false };
  const plan = planDrills(drills.plan, plannedAhead);
  const { tasks: next, drillAhead } = nextDrill(plan, drills, facts);
  const tasks = [
    ...next,
    ...justDriven(drills, facts),
    ...findings,
    ...calendarTasks(drills, facts),
    ...rusty(plan, drills, facts),
  ];
  return { tasks, drillAhead };
}

const minutesOf = ({ soakMs }: DrillFacts['policy']) => Math.round(soakMs / 60_000) + aroundMinutes;

/** Returns the kind of run with which a drill begins. */
const runOf = (kind: DrillKind) => (kind === 'region-loss' ? 'failover' : 'switchover');

/**
 * Returns the tasks of the next drill: find a date or a driver; or, from its reminder date on, read
 * the plan, check the runbook, be the shadow, drive.
 */
function nextDrill({ next }: DrillPlan, { policy }: DrillFacts, facts: AuditFacts): PracticeTasks {
  const [drill] = next;
  if (drill === undefined) return { tasks: [], drillAhead: false };
  const { due, kind, window, driver, shadow, moved } = drill;
  const missing = missingOf(drill, policy.zone);
  if (missing !== null) {
    const task = {
      ...{ key: `drill ${due} planning`, byWord: false, done: false, dueWallMs: null },
      person: ownerOf(practised, facts),
      ...missing,
      ...{ how: 'throwover drill plan', command: true, minutes: 30 },
    };
    return { tasks: [task], drillAhead: false };
  }
  if (window === null || facts.nowWallMs < window.fromWallMs - policy.remindMs) {
    return { tasks: [], drillAhead: false };
  }
  const when = whenText(drill, policy.zone);
  const why = [`due ${due}, ${kind}: ${when}`, ...moved.map((each) => `moved: ${each}`)].join('; ');
  const ready = (key: string, person: string | null) => ({
    ...{ key, byWord: true, person, command: true, dueWallMs: window.fromWallMs },
    done: person !== null && saidBy(facts, key, person, window.fromWallMs - policy.remindMs),
  });
  const runbook = `throwover runbook --kind ${runOf(kind)}`;
  const tasks: readonly WeekTask[] = [
    {
      ...ready(`drill ${due} plan`, driver),
      what: 'Read the plan of the drill that you drive',
      why,
      how: `throwover plan ${runOf(kind)} --to REGION`,
      minutes: 15,
    },
    {
      ...ready(`drill ${due} runbook`, driver),
      what: 'Look through the printed runbook',
      why: 'it is what you follow when throwover cannot be reached',
      how: runbook,
      minutes: 20,
    },
    ...(shadow === null
      ? []
      : [
          {
            ...ready(`drill ${due} shadow`, shadow),
            what: `Be ready to take the drill over from ${driver}`,
            why,
            how: runbook,
            minutes: 20,
          },
        ]),
    {
      ...{ key: `drill ${due}`, byWord: false, person: driver, done: false },
      what: 'Drive the drill',
      why: `${why}; shadow: ${shadow ?? 'nobody'}`,
      how: 'throwover drill start',
      command: true,
      minutes: minutesOf(policy),
      dueWallMs: window.untilWallMs,
    },
  ];
  return { tasks, drillAhead: true };
}

/** Returns what keeps a drill from being planned at all; null when nothing does. */
function missingOf(
  { due, window, driver, passedOver, moved }: PlannedDrill,
  zone: string,
): Pick<WeekTask, 'what' | 'why'> | null {
  if (window === null) {
    return {
      what: `Free a window for the drill due ${due}`,
      why: `none for a year: ${moved.join(', ')}`,
    };
  }
  if (driver !== null) return null;
  const why = passedOver.map((each) => `${each.who} ${each.why}`).join(', ');
  const on = localDay(window.fromWallMs, zone);
  return { what: `Find a driver for the drill on ${on}`, why: why || 'the rota is empty' };
}

/** Returns the drills that were driven lately, by the evidence of their records. */
function justDriven({ drills, policy }: DrillFacts, facts: AuditFacts): readonly WeekTask[] {
  return drills.flatMap(({ id, due, driver, ended }) => {
    if (due === null || ended?.outcome !== 'whole') return [];
    if (facts.nowWallMs - ended.atWallMs > doneForMs) return [];
    return [
      {
        ...{ key: `drill ${due}`, byWord: false, person: onCallOr(driver, facts), done: true },
        what: 'Drive the drill',
        why: `${id} went there and back on ${localDay(ended.atWallMs, policy.zone)}`,
        how: `throwover drill report ${id}`,
        command: true,
        minutes: minutesOf(policy),
        dueWallMs: null,
      },
    ];
  });
}

/**
 * Returns each open finding, and those settled lately. A finding that nobody owns goes to the owner
 * of the truth.
 */
function findingTasks(facts: AuditFacts): readonly WeekTask[] {
  const { findings, drills } = facts.practice;
  const lately = findings.filter(
    ({ settled }) => settled !== null && facts.nowWallMs - settled.atWallMs <= doneForMs,
  );
  const ownerWithinMs = drills?.policy.findingOwnerWithinMs ?? usualOwnerWithinMs;
  return [...unsettled(findings), ...lately].map((finding) => {
    const { id, text, owner, dueWallMs, raisedWallMs, settled } = finding;
    const nobody = ownerless(finding, facts.onCall);
    const raised = `raised ${day(raisedWallMs)}`;
    const left = owner === null || !nobody ? '' : `; ${owner} is not on call`;
    return {
      ...{ key: `finding ${id}`, byWord: false, command: true },
      person: nobody ? ownerOf(practised, facts) : owner,
      what: nobody ? `Give ${id} an owner and a date, or waive it` : `Settle ${id}`,
      why:
        settled === null
          ? `${text} (${raised}${left})`
          : `${text} (${finding.status}: ${settled.note})`,
      how: nobody
        ? `throwover finding task ${id} --owner PERSON --due DATE`
        : `throwover finding close ${id} --note TEXT`,
      minutes: nobody ? 10 : 60,
      dueWallMs: nobody ? raisedWallMs + ownerWithinMs : dueWallMs,
      done: settled !== null,
    };
  });
}

/** Used where no drills are declared. */
const usualOwnerWithinMs = 14 * dayMs;

function calendarTasks({ unknown }: DrillFacts, facts: AuditFacts): readonly WeekTask[] {
  return unknown.map(({ code, message, evidence }) => ({
    key: `calendar ${String(evidence['name'] ?? code)}`,
    byWord: false,
    person: ownerOf(practised, facts),
    what: 'Make a calendar readable',
    why: `${code}: ${message}`,
    how: 'throwover drill plan',
    command: true,
    minutes: 15,
    dueWallMs: null,
    done: false,
  }));
}

/**
 * Returns a reading task for each person who has never driven, or not in 180 days; the rotation
 * decides when they drive.
 */
function rusty(
  { next }: DrillPlan,
  { memory, policy }: DrillFacts,
  facts: AuditFacts,
): readonly WeekTask[] {
  return memory.flatMap(({ person, daysSince }) => {
    if (daysSince !== null && daysSince * dayMs < coverageMs) return [];
    const key = `practice ${person}`;
    // Once a quarter is enough: knowledge from reading lasts longer than that, or the person has
    // driven by then.
    if (saidBy(facts, key, person, facts.nowWallMs - quarterMs)) return [];
    const turn = next.find(({ driver }) => driver === person);
    const when =
      turn?.window == null
        ? 'no turn is planned yet'
        : `your turn: ${localDay(turn.window.fromWallMs, policy.zone)}`;
    return [
      {
        ...{ key, byWord: true, person: onCallOr(person, facts), done: false },
        what: daysSince === null ? 'Learn to drive: you never have' : 'Read again how to drive',
        why: `${daysSince === null ? 'never driven' : `drove ${daysSince} d ago`}; ${when}`,
        how: 'throwover runbook',
        command: true,
        minutes: 20,
        dueWallMs: null,
      },
    ];
  });
}

function saidBy({ taskDone }: AuditFacts, key: string, person: string, sinceWallMs: number) {
  return (taskDone.get(key) ?? []).some(
    ({ by, atWallMs }) => by === person && atWallMs >= sinceWallMs,
  );
}
