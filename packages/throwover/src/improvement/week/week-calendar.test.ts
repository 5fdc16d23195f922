import ICAL from 'ical.js';
import nodeIcal, { type VEvent } from 'node-ical';
import { expect, test } from 'vitest';
import { weekCalendar } from './week-calendar.ts';
import type { WeekTask } from './week-task.ts';

const task = (more: Partial<WeekTask>): WeekTask => ({
  key: 'truth dns',
  byWord: true,
  person: 'ana@example.com',
  what: 'Read the survey; all of it, \\ and "quoted"',
  why: 'truth dns: was done 8 d ago',
  how: 'throwover dns survey',
  command: true,
  minutes: 15,
  dueWallMs: null,
  done: false,
  ...more,
});
/** A Wednesday, 23:30 in Berlin. */
const nowWallMs = Date.UTC(2026, 2, 25, 22, 30);
const written = (tasks: readonly WeekTask[]) =>
  weekCalendar(tasks, { service: 'checkout', zone: 'Europe/Berlin', nowWallMs });

/** Returns what each of two independent readers reads. */
function read(text: string) {
  const component = new ICAL.Component(ICAL.parse(text));
  const one = component.getAllSubcomponents('vevent').map((each) => {
    const event = new ICAL.Event(each);
    const { isDate } = event.startDate;
    return { uid: event.uid, start: event.startDate.toString(), isDate, summary: event.summary };
  });
  const other = Object.values(nodeIcal.sync.parseICS(text))
    .filter((each): each is VEvent => each?.type === 'VEVENT')
    .map(({ uid, start, datetype, summary }) => {
      const two = (value: number) => String(value).padStart(2, '0');
      const day = `${start.getFullYear()}-${two(start.getMonth() + 1)}-${two(start.getDate())}`;
      return { uid, start: day, isDate: datetype === 'date', summary: String(summary) };
    });
  return { one, other };
}

test('each open task is a day: its last one in time, the Friday, or today when it is late', () => {
  const text = written([
    task({}),
    // The end of the day in Berlin, across the change of the clocks.
    task({ key: 'finding F7', dueWallMs: Date.UTC(2026, 2, 29, 22), what: 'Settle F7' }),
    task({ key: 'drill 2026-01-13', dueWallMs: Date.UTC(2026, 0, 13, 15), what: 'Drive' }),
    task({ key: 'done', done: true }),
    task({ key: 'calendar a b', person: null, what: 'Make a calendar readable' }),
  ]);
  const { one, other } = read(text);
  expect(one).toEqual(other);
  expect(one).toEqual([
    {
      uid: 'truth%20dns-of-checkout@throwover',
      start: '2026-03-27',
      isDate: true,
      summary: 'Read the survey; all of it, \\ and "quoted" (15 min)',
    },
    {
      uid: 'finding%20F7-of-checkout@throwover',
      start: '2026-03-29',
      isDate: true,
      summary: 'Settle F7 (15 min)',
    },
    {
      uid: 'drill%202026-01-13-of-checkout@throwover',
      start: '2026-03-25',
      isDate: true,
      summary: 'Drive (15 min)',
    },
    {
      uid: 'calendar%20a%20b-of-checkout@throwover',
      start: '2026-03-27',
      isDate: true,
      summary: 'Make a calendar readable (15 min)',
    },
  ]);
  expect(text).toMatchSnapshot();
  for (const line of text.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
});

test('the same tasks give the same bytes, and none give a calendar still', () => {
  expect(written([task({})])).toBe(written([task({})]));
  expect(read(written([]))).toEqual({ one: [], other: [] });
});
