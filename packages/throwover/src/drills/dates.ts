/** Days, times of day and time zones, as wall milliseconds. Pure. */
import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import type { DrillPolicy } from '../service/service.ts';

/** A period in wall ms; `until` is not part of it. */
export interface Span {
  readonly fromWallMs: number;
  readonly untilWallMs: number;
}

/** A span in which no drill may begin, with the reason. */
export interface Blocked extends Span {
  readonly why: string;
}

const weekdayNames = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const;

/** How far after a due date a free window is searched for, days. */
const searchDays = 366;

type Plan = Pick<DrillPolicy, 'every' | 'from' | 'zone' | 'windows'>;

/**
 * Returns the span of a date such as `2026-11-20` in a zone: from its first moment to the first
 * moment of the next day.
 */
export function daySpan(date: string, zone: string): Span {
  const day = Temporal.PlainDate.from(date);
  return {
    fromWallMs: day.toZonedDateTime(zone).epochMilliseconds,
    untilWallMs: day.add({ days: 1 }).toZonedDateTime(zone).epochMilliseconds,
  };
}

/** Returns the span from the first moment of one day to the last of another. */
export function daysSpan(from: string, until: string, zone: string): Span {
  return {
    fromWallMs: daySpan(from, zone).fromWallMs,
    untilWallMs: daySpan(until, zone).untilWallMs,
  };
}

export const overlaps = (a: Span, b: Span) =>
  a.fromWallMs < b.untilWallMs && b.fromWallMs < a.untilWallMs;

/**
 * Returns the due dates of the policy (`2026-04-14`), first to last: every one up to `untilWallMs`,
 * and `more` after it.
 */
export function dueDates(policy: Plan, untilWallMs: number, more: number): readonly string[] {
  const { every, from, zone } = policy;
  const rule = new RRuleTemporal({
    rruleString: every,
    dtstart: Temporal.PlainDate.from(from).toZonedDateTime(zone),
    temporal: Temporal,
  });
  const found: string[] = [];
  let beyond = 0;
  rule.all((at) => {
    if (at.epochMilliseconds > untilWallMs) beyond += 1;
    if (beyond <= more) found.push(at.toPlainDate().toString());
    return beyond < more;
  });
  return found;
}

/**
 * Yields the windows from a moment on, in order, for a year. A window that has begun counts with
 * its remaining time. A window at a time that daylight saving skips is moved in the same way as the
 * clocks.
 */
export function* windowsFrom(policy: Plan, sinceWallMs: number): Generator<Span> {
  const { zone, windows } = policy;
  const first = Temporal.Instant.fromEpochMilliseconds(Math.floor(sinceWallMs))
    .toZonedDateTimeISO(zone)
    .toPlainDate();
  for (let offset = 0; offset < searchDays; offset++) {
    const day = first.add({ days: offset });
    const weekday = weekdayNames[day.dayOfWeek - 1];
    const spans = windows
      .filter(({ days }) => days.some((name) => name === weekday))
      .map(({ from, until }) => ({
        fromWallMs: at(day, from, zone),
        untilWallMs: at(day, until, zone),
      }))
      .filter(({ fromWallMs, untilWallMs }) => fromWallMs < untilWallMs)
      .sort((a, b) => a.fromWallMs - b.fromWallMs);
    for (const span of spans) {
      if (span.untilWallMs > sinceWallMs) yield span;
    }
  }
}

/**
 * Returns a due date at the start of the first window's time of day: the place where the rule
 * itself puts the drill.
 */
export function nominalMs(policy: Plan, due: string): number {
  return at(Temporal.PlainDate.from(due), policy.windows[0]?.from ?? '00:00', policy.zone);
}

function at(day: Temporal.PlainDate, time: string, zone: string): number {
  return day.toZonedDateTime({ timeZone: zone, plainTime: Temporal.PlainTime.from(time) })
    .epochMilliseconds;
}

/** Formats a time as `Tue 2026-04-14 10:00` in a zone. */
export function localText(wallMs: number, zone: string): string {
  const local = Temporal.Instant.fromEpochMilliseconds(Math.floor(wallMs)).toZonedDateTimeISO(zone);
  const name = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][local.dayOfWeek - 1];
  return `${name} ${local.toPlainDate().toString()} ${timeText(wallMs, zone)}`;
}

/** Formats a time as `10:00` in a zone. */
export function timeText(wallMs: number, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(wallMs))
    .toZonedDateTimeISO(zone)
    .toPlainTime()
    .toString({ smallestUnit: 'minute' });
}

/** Formats a time as `2026-04-14` in a zone. */
export function localDay(wallMs: number, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(wallMs))
    .toZonedDateTimeISO(zone)
    .toPlainDate()
    .toString();
}
