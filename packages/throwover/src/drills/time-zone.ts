import { Temporal } from 'temporal-polyfill';

/**
 * Number of years ahead for which clock changes are written: calendars are rewritten far more
 * often.
 */
const yearsAhead = 10;

/**
 * Returns a zone in the form that iCalendar requires for times that name it (RFC 5545, 3.6.5): one
 * observance for each clock change, from the last one before `fromWallMs` on. Later decisions of
 * governments are not included.
 */
export function vTimezone(zone: string, fromWallMs: number): string {
  const begin = Temporal.Instant.fromEpochMilliseconds(Math.floor(fromWallMs)).toZonedDateTimeISO(
    zone,
  );
  const end = begin.add({ years: yearsAhead });
  const changes: Temporal.ZonedDateTime[] = [];
  let change = begin.getTimeZoneTransition('previous') ?? begin.getTimeZoneTransition('next');
  while (change !== null && Temporal.ZonedDateTime.compare(change, end) < 0) {
    changes.push(change);
    change = change.getTimeZoneTransition('next');
  }
  const observances =
    changes.length === 0
      ? observance({
          local: '19700101T000000',
          from: begin.offset,
          to: begin.offset,
          summer: false,
        })
      : changes.flatMap((at) => {
          const before = at.subtract({ seconds: 1 });
          return observance({
            // In local time before the change, as the format requires.
            local: compact(before.add({ seconds: 1 }).toInstant(), before.offsetNanoseconds),
            from: before.offset,
            to: at.offset,
            summer: at.offsetNanoseconds > before.offsetNanoseconds,
          });
        });
  return ['BEGIN:VTIMEZONE', `TZID:${zone}`, ...observances, 'END:VTIMEZONE'].join('\r\n');
}

function observance(given: { local: string; from: string; to: string; summer: boolean }): string[] {
  const { local, from, to, summer } = given;
  const kind = summer ? 'DAYLIGHT' : 'STANDARD';
  return [
    `BEGIN:${kind}`,
    `DTSTART:${local}`,
    `TZOFFSETFROM:${from.replaceAll(':', '')}`,
    `TZOFFSETTO:${to.replaceAll(':', '')}`,
    `END:${kind}`,
  ];
}

function compact(instant: Temporal.Instant, offsetNanoseconds: number): string {
  const shifted = instant.add({ seconds: offsetNanoseconds / 1e9 });
  return shifted.toString({ smallestUnit: 'second' }).replaceAll(/[-:Z]/g, '');
}
