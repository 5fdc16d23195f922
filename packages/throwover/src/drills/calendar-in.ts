/** Reads the events of a period from an iCalendar file or feed. Pure: it reads text. */
import ical, { type EventInstance, type VEvent } from 'node-ical';
import { dateAt } from '../kernel/kernel.ts';
import { daySpan, type Span } from './dates.ts';
import { drillErrors } from './errors.ts';

/** One event of a calendar, or one occurrence of a recurring event. */
export interface CalendarEvent extends Span {
  readonly summary: string;
  /** Addresses of its attendees, as written in the calendar. */
  readonly attendees: readonly string[];
}

/** How long before the period an event may have begun, ms: a freeze of half a year. */
const longestEventMs = 200 * 86_400_000;

/**
 * Returns the events that overlap the span, in order. A day without a time is that whole day in
 * `zone`. Throws `calendar-wrong` when the text is not iCalendar.
 */
export function eventsOf(
  text: string,
  options: { readonly name: string; readonly span: Span; readonly zone: string },
): readonly CalendarEvent[] {
  const { name, span, zone } = options;
  const wrong = (cause?: unknown) =>
    drillErrors.make('calendar-wrong', `${name} is no iCalendar`, { name }, cause);
  if (!/^\uFEFF?\s*BEGIN:VCALENDAR/i.test(text)) throw wrong();
  const range = {
    from: dateAt(span.fromWallMs - longestEventMs),
    to: dateAt(span.untilWallMs),
    expandOngoing: true,
  };
  let instances: readonly EventInstance[];
  try {
    instances = Object.values(ical.sync.parseICS(text))
      .filter((each): each is VEvent => each?.type === 'VEVENT')
      .filter(({ status }) => status !== 'CANCELLED')
      .flatMap((event) => ical.expandRecurringEvent(event, range));
  } catch (error) {
    throw wrong(error);
  }
  return instances
    .map((instance) => eventOf(instance, zone))
    .filter((event) => event.fromWallMs < span.untilWallMs && span.fromWallMs < event.untilWallMs)
    .sort((a, b) => a.fromWallMs - b.fromWallMs || a.summary.localeCompare(b.summary));
}

function eventOf(instance: EventInstance, zone: string): CalendarEvent {
  const { start, end, isFullDay, event } = instance;
  const { attendee = [] } = event;
  return {
    // The library returns a day as its local midnight; only its date counts.
    fromWallMs: isFullDay ? daySpan(dayOf(start), zone).fromWallMs : start.getTime(),
    untilWallMs: isFullDay ? daySpan(dayOf(end), zone).fromWallMs : end.getTime(),
    summary: textOf(instance.summary),
    attendees: [attendee].flat().map((each) => textOf(each).replace(/^mailto:/i, '')),
  };
}

function dayOf(date: { getFullYear(): number; getMonth(): number; getDate(): number }): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Returns the text of a value, with or without parameters. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const { val } = (value ?? {}) as { val?: unknown };
  return typeof val === 'string' ? val : '';
}

/**
 * Returns the people of `onCall` who are named in an on-call calendar, in the order of `onCall`: by
 * address, or by its first part as a word.
 */
export function peopleIn(
  events: readonly CalendarEvent[],
  onCall: readonly string[],
): readonly string[] {
  const said = events.map(({ summary, attendees }) =>
    [summary, ...attendees].join(' ').toLowerCase(),
  );
  return onCall.filter((person) => {
    const whole = person.toLowerCase();
    const first = whole.split('@')[0] ?? whole;
    const word = new RegExp(`(^|[^\\p{L}\\p{N}._-])${escaped(first)}($|[^\\p{L}\\p{N}._@-])`, 'u');
    return said.some((text) => text.includes(whole) || word.test(text));
  });
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
