/** A week as iCalendar (RFC 5545): one day for each task that is not done. Pure. */
import ical from 'ical-generator';
import { Temporal } from 'temporal-polyfill';
import type { WeekTask } from './week-task.ts';

/**
 * Returns the calendar. Each task is an all-day event on the last day on which it is in time. A
 * task without a due date is on the Friday of this week, and a late one is on today. A task has the
 * same UID each week, so that a calendar that reads the feed again moves it. The same facts give
 * the same bytes.
 */
export function weekCalendar(
  tasks: readonly WeekTask[],
  options: { readonly service: string; readonly zone: string; readonly nowWallMs: number },
): string {
  const { service, zone, nowWallMs } = options;
  const now = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowWallMs));
  const calendar = ical({
    name: `The week of ${service}`,
    prodId: { company: 'throwover', product: 'week' },
  });
  const today = now.toZonedDateTimeISO(zone).toPlainDate();
  for (const { key, person, what, why, how, minutes, dueWallMs, done } of tasks) {
    if (done) continue;
    const date = dueWallMs === null ? friday(today) : lastDayOf(dueWallMs, zone);
    // The library writes an all-day event by its date in UTC.
    const start = later(date, today).toZonedDateTime('UTC');
    calendar.createEvent({
      id: `${encodeURIComponent(key)}-of-${service}@throwover`,
      stamp: now.toZonedDateTimeISO('UTC'),
      allDay: true,
      start,
      end: start.add({ days: 1 }),
      summary: `${what} (${minutes} min)`,
      description: [`${person ?? 'Nobody is named'}: ${why}`, how].join('\n'),
      ...(person?.includes('@') === true
        ? { attendees: [{ email: person, name: person.split('@')[0] ?? person }] }
        : {}),
    });
  }
  return calendar.toString();
}

const later = (a: Temporal.PlainDate, b: Temporal.PlainDate) =>
  Temporal.PlainDate.compare(a, b) < 0 ? b : a;

/** Returns the Friday of this week; at the weekend that of the next. */
function friday(today: Temporal.PlainDate): Temporal.PlainDate {
  return today.add({ days: (5 - today.dayOfWeek + 7) % 7 });
}

function lastDayOf(dueWallMs: number, zone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(dueWallMs) - 1)
    .toZonedDateTimeISO(zone)
    .toPlainDate();
}
