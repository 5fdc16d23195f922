/** Reads the facts for the plan of drills from their ports. */

import { type Clock, isThrowoverError, type ThrowoverError } from '../kernel/kernel.ts';
import type { RecordLog } from '../records/records.ts';
import type { DrillPolicy, Service } from '../service/service.ts';
import { eventsOf, peopleIn } from './calendar-in.ts';
import { type Blocked, daysSpan, type Span } from './dates.ts';
import { type Drill, drillsOf, heldOf } from './drill.ts';
import { type Finding, findingsOf } from './finding.ts';
import { memoryOf, type PersonMemory } from './moves.ts';
import type { PlanFacts } from './planner.ts';
import { driversOf, type Rota } from './rotation.ts';

/** Sources outside of the service. */
export interface DrillSources {
  /**
   * Returns the text of an iCalendar file (relative to the directory of throwover.yaml) or URL.
   * Deadline 5 s; throws `calendar-away`.
   */
  calendar(source: string): Promise<string>;
  /**
   * Returns the current values of a PromQL query, one for each series. Deadline 5 s; throws
   * `alarm-away`.
   */
  series(prometheus: string, query: string): Promise<readonly number[]>;
  /**
   * Returns the text of a printed runbook, relative to the directory of throwover.yaml. Throws
   * `runbook-not-printed`.
   */
  printed(file: string): Promise<string>;
}

export interface DrillPorts {
  readonly records: RecordLog;
  readonly drills: DrillSources;
}

/** The period for which calendars are read, ms; every planned drill lies within it. */
const beforeMs = 120 * 86_400_000;
const aheadMs = 800 * 86_400_000;

/**
 * On-call calendars are exported some weeks ahead, so people are read from a quarter ago until
 * then.
 */
const rotaBackMs = 92 * 86_400_000;

export interface DrillFacts {
  readonly policy: DrillPolicy;
  readonly plan: PlanFacts;
  readonly drills: readonly Drill[];
  readonly findings: readonly Finding[];
  /** One entry for each person who drives, in the order of the rota. */
  readonly memory: readonly PersonMemory[];
  /**
   * Calendars that could not be read: the spans that they block, or the people that they name, are
   * unknown.
   */
  readonly unknown: readonly ThrowoverError[];
}

/** Returns null when the service has no `drills:`. Throws `store-away`. */
export async function drillFacts(
  service: Pick<Service, 'drills' | 'onCall'>,
  ports: DrillPorts,
  clock: Clock,
): Promise<DrillFacts | null> {
  const { drills: policy, onCall } = service;
  if (policy === undefined) return null;
  const nowWallMs = clock.wallMs();
  const unknown: ThrowoverError[] = [];
  const readable = async (source: string, span: Span) => {
    try {
      const text = await ports.drills.calendar(source);
      return eventsOf(text, { name: source, span, zone: policy.zone });
    } catch (error) {
      if (!isThrowoverError(error)) throw error;
      unknown.push(error);
      return [];
    }
  };
  const [drillRecords, findingRecords, moveRecords, blocked, people] = await Promise.all([
    ports.records.list('drill'),
    ports.records.list('finding'),
    ports.records.list('move'),
    blockedOf(policy, readable, nowWallMs),
    peopleOf(policy, onCall, readable, nowWallMs),
  ]);
  const drills = drillsOf(drillRecords);
  const rota: Rota = {
    people,
    experts: policy.rota.experts,
    leave: policy.rota.leave.map(({ who, from, until }) => ({
      who,
      ...daysSpan(from, until, policy.zone),
    })),
  };
  return {
    policy,
    plan: {
      policy,
      everyoneWithin: policy.rota.everyoneWithin,
      rota,
      blocked,
      held: heldOf(drills),
      nowWallMs,
    },
    drills,
    findings: findingsOf(findingRecords),
    memory: memoryOf(moveRecords, driversOf(rota), nowWallMs),
    unknown,
  };
}

type Readable = (
  source: string,
  span: Span,
) => Promise<readonly (Span & { summary: string; attendees: readonly string[] })[]>;

async function blockedOf(
  { blocked, zone }: DrillPolicy,
  readable: Readable,
  nowWallMs: number,
): Promise<readonly Blocked[]> {
  const span = { fromWallMs: nowWallMs - beforeMs, untilWallMs: nowWallMs + aheadMs };
  const found = await Promise.all(
    blocked.map(async (each): Promise<readonly Blocked[]> => {
      if (!('calendar' in each)) {
        return [{ ...daysSpan(each.from, each.until, zone), why: each.why }];
      }
      const events = await readable(each.calendar, span);
      return events.map(({ fromWallMs, untilWallMs, summary }) => ({
        fromWallMs,
        untilWallMs,
        why: summary === '' ? each.calendar : summary,
      }));
    }),
  );
  return found.flat();
}

async function peopleOf(
  { rota }: DrillPolicy,
  onCall: readonly string[],
  readable: Readable,
  nowWallMs: number,
): Promise<readonly string[]> {
  if (rota.people !== undefined) return rota.people;
  if (rota.calendar === undefined) return onCall;
  const span = { fromWallMs: nowWallMs - rotaBackMs, untilWallMs: nowWallMs + aheadMs };
  return peopleIn(await readable(rota.calendar, span), onCall);
}
