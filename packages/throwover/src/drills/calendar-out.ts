/** The next drills as iCalendar (RFC 5545). Pure. */
import ical, { type ICalEventData, ICalEventStatus } from 'ical-generator';
import { Temporal } from 'temporal-polyfill';
import type { DrillPolicy } from '../service/service.ts';
import { nominalMs, windowsFrom } from './dates.ts';
import { whenText } from './plan-text.ts';
import type { DrillPlan, PlannedDrill } from './planner.ts';
import { vTimezone } from './time-zone.ts';

/**
 * Returns one series by the policy's rule, with each planned drill at its own time and with its
 * driver: a freeze moves one drill and leaves the rule unchanged. A rule with an end (COUNT, UNTIL)
 * is written as single dates. The same facts give the same bytes.
 */
export function calendarText(options: {
  readonly service: string;
  readonly policy: DrillPolicy;
  readonly plan: DrillPlan;
  readonly nowWallMs: number;
}): string {
  const { service, policy, plan, nowWallMs } = options;
  const { zone, every } = policy;
  const planned = plan.next.filter((drill): drill is Placed => drill.window !== null);
  const calendar = ical({
    name: `Drills of ${service}`,
    prodId: { company: 'throwover', product: 'drills' },
    timezone: { name: zone, generator: () => vTimezone(zone, nowWallMs) },
  });
  const uid = `drills-of-${service}@throwover`;
  const stamp = at(nowWallMs, 'UTC');
  const [first] = planned;
  const endless = !/(^|;)(COUNT|UNTIL)=/.test(every);
  if (endless && first !== undefined) {
    const startMs = nominalMs(policy, first.due);
    calendar.createEvent({
      id: uid,
      stamp,
      // The library writes TZID for times of events that name their zone themselves.
      timezone: zone,
      start: at(startMs, zone),
      end: at(startMs + lengthMs(policy, startMs), zone),
      repeating: `RRULE:${every}`,
      status: ICalEventStatus.TENTATIVE,
      summary: `Drill of ${service}, not planned yet`,
    });
  }
  for (const drill of planned) {
    const { due, window } = drill;
    const series = endless
      ? { id: uid, recurrenceId: at(nominalMs(policy, due), zone) }
      : { id: `${due}-${uid}` };
    calendar.createEvent({
      ...series,
      stamp,
      timezone: zone,
      start: at(window.fromWallMs, zone),
      end: at(window.untilWallMs, zone),
      status: ICalEventStatus.CONFIRMED,
      ...textOf(service, drill, zone),
      alarms: [{ triggerBefore: Math.round(policy.remindMs / 1_000) }],
    });
  }
  return calendar.toString();
}

type Placed = PlannedDrill & { readonly window: NonNullable<PlannedDrill['window']> };

function textOf(
  service: string,
  drill: PlannedDrill,
  zone: string,
): Pick<ICalEventData, 'summary' | 'description' | 'attendees'> {
  const { kind, driver, shadow, moved, due } = drill;
  return {
    summary: `Drill of ${service}: ${kind}, ${driver ?? 'nobody'} drives`,
    description: [
      `Due ${due}; ${whenText(drill, zone)} (${zone}).`,
      `Drives: ${driver ?? 'nobody can'}. Shadow: ${shadow ?? 'nobody'}.`,
      ...(moved.length === 0 ? [] : [`Moved: ${moved.join(', ')}.`]),
      'throwover drill start',
    ].join('\n'),
    attendees: [driver, shadow]
      .filter((who): who is string => who?.includes('@') === true)
      .map((email) => ({ email, name: email.split('@')[0] ?? email })),
  };
}

/** Returns the length of the policy's first window; a planned drill has its own. */
function lengthMs(policy: DrillPolicy, startMs: number): number {
  const span = windowsFrom(policy, startMs).next().value;
  return span === undefined ? 3_600_000 : span.untilWallMs - span.fromWallMs;
}

const at = (wallMs: number, zone: string) =>
  Temporal.Instant.fromEpochMilliseconds(Math.floor(wallMs)).toZonedDateTimeISO(zone);
