import ICAL from 'ical.js';
import { describe, expect, test } from 'vitest';
import { isoTime, wallMsOfIso } from '../kernel/kernel.ts';
import { wholeFile } from '../service/service.fixture.ts';
import { parseService } from '../service/service.ts';
import { eventsOf, peopleIn } from './calendar-in.ts';
import { calendarText } from './calendar-out.ts';
import { daysSpan } from './dates.ts';
import { planDrills } from './planner.ts';

const at = (iso: string) => wallMsOfIso(iso) ?? Number.NaN;

function policyOf(changes: Record<string, unknown> = {}) {
  const drills = {
    every: 'FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU',
    from: '2026-01-01',
    zone: 'Europe/Berlin',
    windows: [{ days: ['TU', 'WE', 'TH'], from: '10:00', until: '15:00' }],
    ...changes,
  };
  const text = `${wholeFile}\ndrills: ${JSON.stringify(drills)}\n`;
  const { drills: policy } = parseService(text, 'throwover.yaml');
  if (policy === undefined) throw new Error('no drills');
  return policy;
}

function written(policy = policyOf(), blocked: readonly [string, string, string][] = []) {
  const nowWallMs = at('2026-01-05T00:00:00Z');
  const rota = { people: ['ana@example.com', 'bo@example.com'], experts: [], leave: [] };
  const freezes = blocked.map(([from, until, why]) => ({
    ...daysSpan(from, until, policy.zone),
    why,
  }));
  const plan = planDrills(
    { policy, everyoneWithin: 8, rota, blocked: freezes, held: [], nowWallMs },
    4,
  );
  const text = calendarText({ service: 'checkout', policy, plan, nowWallMs });
  return { text, plan };
}

/** Returns what an independent parser reads: the series with its exceptions, `count` of them. */
function readBack(text: string, count: number) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  for (const zone of calendar.getAllSubcomponents('vtimezone')) {
    ICAL.TimezoneService.register(zone);
  }
  const events = calendar.getAllSubcomponents('vevent').map((each) => new ICAL.Event(each));
  const series = events.find((event) => event.isRecurring());
  if (series === undefined) return { calendar, events, starts: [] };
  for (const event of events) if (event.isRecurrenceException()) series.relateException(event);
  const iterator = series.iterator();
  const found = Array.from({ length: count }, () => {
    const details = series.getOccurrenceDetails(iterator.next());
    return {
      start: isoTime(details.startDate.toJSDate().getTime()),
      summary: details.item.summary,
    };
  });
  return { calendar, events, starts: found };
}

/** Programs disagree about times of day that a clock change skips or repeats. */
describe('written', () => {
  test('an independent parser reads the instants of the plan, in summer and in winter', () => {
    const { text, plan } = written();
    const { calendar, starts } = readBack(text, 6);
    expect(calendar.getAllSubcomponents('vtimezone')).toHaveLength(1);
    expect(starts.slice(0, 4).map(({ start }) => start)).toEqual(
      plan.next.map(({ window }) => isoTime(window?.fromWallMs ?? 0)),
    );
    // Drills that are not planned yet follow from the rule, at ten o'clock local time.
    expect(starts.slice(4)).toEqual([
      { start: '2027-01-12T09:00:00.000Z', summary: 'Drill of checkout, not planned yet' },
      { start: '2027-04-13T08:00:00.000Z', summary: 'Drill of checkout, not planned yet' },
    ]);
    expect(starts[0]?.summary).toBe(
      'Drill of checkout: switchover-and-back, ana@example.com drives',
    );
  });

  test('a freeze moves one drill of the series and leaves the others', () => {
    const { text } = written(policyOf(), [['2026-04-13', '2026-04-20', 'release, freeze; all']]);
    const { starts, events } = readBack(text, 3);
    expect(starts.map(({ start }) => start)).toEqual([
      '2026-01-13T09:00:00.000Z',
      '2026-04-21T08:00:00.000Z',
      '2026-07-14T08:00:00.000Z',
    ]);
    const moved = events.find(({ description }) => description?.includes('Moved'));
    expect(moved?.description).toContain('Moved: release, freeze; all.');
    expect(moved?.attendees.map((each) => each.getFirstValue())).toEqual([
      'MAILTO:bo@example.com',
      'MAILTO:ana@example.com',
    ]);
  });

  test.each([
    ['America/New_York', '2026-02-01'],
    ['Australia/Lord_Howe', '2026-03-01'],
    ['Asia/Kolkata', '2026-01-01'],
    ['UTC', '2026-01-01'],
  ])('weekly in %s over a year: every instant is the one of the plan', (zone, from) => {
    const policy = policyOf({
      every: 'FREQ=WEEKLY;BYDAY=SU',
      from,
      zone,
      windows: [{ days: ['SU'], from: '04:15', until: '05:00' }],
    });
    const nowWallMs = at('2026-01-31T00:00:00Z');
    const rota = { people: ['ana@example.com'], experts: [], leave: [] };
    const facts = { policy, everyoneWithin: 8, rota, blocked: [], held: [], nowWallMs };
    const plan = planDrills(facts, 52);
    const text = calendarText({ service: 'checkout', policy, plan, nowWallMs });
    const { starts } = readBack(text, plan.next.length);
    expect(starts.map(({ start }) => start)).toEqual(
      plan.next.map(({ window }) => isoTime(window?.fromWallMs ?? 0)),
    );
  });

  test('a rule with an end is written as single dates', () => {
    const { text } = written(policyOf({ every: 'FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU;COUNT=3' }));
    const { events } = readBack(text, 0);
    expect(events.map((event) => event.isRecurring())).toEqual([false, false, false]);
    expect(new Set(events.map(({ uid }) => uid)).size).toBe(3);
  });

  test('the same facts give the same bytes, folded as the format wants it', () => {
    const { text } = written();
    expect(written().text).toBe(text);
    for (const line of text.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
    expect(text).toMatchSnapshot();
  });
});

const feed = (...events: readonly string[]) =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//x//EN', ...events, 'END:VCALENDAR', ''].join(
    '\r\n',
  );
const event = (...lines: readonly string[]) =>
  [
    'BEGIN:VEVENT',
    `UID:${lines.join().length}-${lines[0]}`,
    'DTSTAMP:20260101T000000Z',
    ...lines,
    'END:VEVENT',
  ].join('\r\n');

describe('read', () => {
  const zone = 'Europe/Berlin';
  const year = daysSpan('2026-01-01', '2026-12-31', zone);
  const read = (text: string) => eventsOf(text, { name: 'holidays.ics', span: year, zone });

  test('a day is that day in the zone of the policy, and a recurring one is each of its days', () => {
    const found = read(
      feed(
        event('DTSTART;VALUE=DATE:20260501', 'DTEND;VALUE=DATE:20260502', 'SUMMARY:Labour Day'),
        event('DTSTART;VALUE=DATE:20201225', 'RRULE:FREQ=YEARLY', 'SUMMARY:Christmas\\, all of it'),
      ),
    );
    expect(found.map(({ fromWallMs, summary }) => [isoTime(fromWallMs), summary])).toEqual([
      ['2026-04-30T22:00:00.000Z', 'Labour Day'],
      ['2026-12-24T23:00:00.000Z', 'Christmas, all of it'],
    ]);
    const [labour] = found;
    expect((labour?.untilWallMs ?? 0) - (labour?.fromWallMs ?? 0)).toBe(86_400_000);
  });

  test('times are instants of their own zone; what was cancelled blocks nothing', () => {
    const found = read(
      feed(
        event(
          'DTSTART;TZID=America/New_York:20260310T090000',
          'DTEND;TZID=America/New_York:20260310T100000',
          'SUMMARY:Release',
        ),
        event(
          'DTSTART:20260311T090000Z',
          'DTEND:20260311T100000Z',
          'STATUS:CANCELLED',
          'SUMMARY:No',
        ),
      ),
    );
    expect(found.map(({ fromWallMs }) => isoTime(fromWallMs))).toEqual([
      '2026-03-10T13:00:00.000Z',
    ]);
  });

  test('an event that began before the span and still goes on is there', () => {
    const text = feed(
      event('DTSTART;VALUE=DATE:20251201', 'DTEND;VALUE=DATE:20260110', 'SUMMARY:Freeze'),
    );
    expect(read(text)).toHaveLength(1);
  });

  test('what is no calendar is refused by its name', () => {
    expect(() => read('<html>Sign in</html>')).toThrow(/holidays.ics is no iCalendar/);
  });

  test('an on-call calendar names people by address, by attendee or by name; a part of a word is nobody', () => {
    const people = ['ana@example.com', 'bo@example.com', 'cy@example.com', 'di@example.com'];
    const text = feed(
      event(
        'DTSTART:20260301T000000Z',
        'DTEND:20260308T000000Z',
        'SUMMARY:On Call - Ana - Checkout Schedule',
      ),
      event(
        'DTSTART:20260308T000000Z',
        'DTEND:20260315T000000Z',
        'SUMMARY:primary',
        'ATTENDEE;CN=Bo:mailto:bo@example.com',
      ),
      event(
        'DTSTART:20260315T000000Z',
        'DTEND:20260322T000000Z',
        'SUMMARY:cy@example.com is on call',
      ),
      event('DTSTART:20260322T000000Z', 'DTEND:20260329T000000Z', 'SUMMARY:Dinner with diana'),
    );
    expect(peopleIn(read(text), people)).toEqual(people.slice(0, 3));
  });
});
