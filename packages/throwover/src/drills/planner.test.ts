import { describe, expect, test } from 'vitest';
import { isoTime, wallMsOfIso } from '../kernel/kernel.ts';
import { daysSpan } from './dates.ts';
import { type HeldDrill, type PlanFacts, planDrills, windowNow } from './planner.ts';

const at = (iso: string) => wallMsOfIso(iso) ?? Number.NaN;
const policy = {
  every: 'FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU',
  from: '2026-01-01',
  zone: 'Europe/Berlin',
  windows: [{ days: ['TU', 'WE', 'TH'] as const, from: '10:00', until: '15:00' }],
  kinds: ['switchover-and-back'] as const,
  surpriseWithinMs: 14 * 86_400_000,
};
const six = ['ana', 'bo', 'cy', 'di', 'ed', 'flo'];
const facts = (given: Partial<PlanFacts> = {}): PlanFacts => ({
  policy: {
    ...policy,
    windows: [...policy.windows].map((w) => ({ ...w, days: [...w.days] })),
    kinds: [...policy.kinds],
  },
  everyoneWithin: 8,
  rota: { people: six, experts: [], leave: [] },
  blocked: [],
  held: [],
  nowWallMs: at('2026-01-05T00:00:00Z'),
  ...given,
});
const starts = (given: PlanFacts, count: number) =>
  planDrills(given, count).next.map(({ window }) =>
    window === null ? null : isoTime(window.fromWallMs).slice(0, 16),
  );
const drivers = (given: PlanFacts, count: number) =>
  planDrills(given, count).next.map(({ driver }) => driver);
const freeze = (from: string, until: string, why = 'freeze') => ({
  ...daysSpan(from, until, policy.zone),
  why,
});

describe('when', () => {
  test('each quarter, at the same time of the day on both sides of daylight saving', () => {
    expect(starts(facts(), 5)).toEqual([
      '2026-01-13T09:00',
      '2026-04-14T08:00',
      '2026-07-14T08:00',
      '2026-10-13T08:00',
      '2027-01-12T09:00',
    ]);
  });

  test('on the days themselves on which the clocks change, each in its zone', () => {
    const on = (zone: string, from: string, time: string) =>
      starts(
        facts({
          policy: {
            ...facts().policy,
            every: 'FREQ=DAILY',
            from,
            zone,
            windows: [{ days: ['SU'], from: time, until: '23:00' }],
          },
          nowWallMs: at(`${from}T00:00:00Z`) - 86_400_000,
        }),
        1,
      )[0];
    // 02:30 does not exist in Berlin that day: an hour later, in the same way as the clocks.
    expect(on('Europe/Berlin', '2026-03-29', '02:30')).toBe('2026-03-29T01:30');
    // 02:30 exists twice: the first one counts.
    expect(on('Europe/Berlin', '2026-10-25', '02:30')).toBe('2026-10-25T00:30');
    expect(on('America/New_York', '2026-03-08', '10:00')).toBe('2026-03-08T14:00');
    // Daylight saving of half an hour.
    expect(on('Australia/Lord_Howe', '2026-04-05', '10:00')).toBe('2026-04-04T23:30');
  });

  test('a freeze moves a drill to the next free window and says why; it drops none', () => {
    const given = facts({ blocked: [freeze('2026-04-13', '2026-04-21', 'release freeze')] });
    const { next } = planDrills(given, 3);
    expect(starts(given, 3)).toEqual(['2026-01-13T09:00', '2026-04-22T08:00', '2026-07-14T08:00']);
    expect(next.map(({ moved }) => moved)).toEqual([[], ['release freeze'], []]);
    expect(next.map(({ due }) => due)).toEqual(['2026-01-13', '2026-04-14', '2026-07-14']);
  });

  test('a freeze longer than a quarter piles nothing on one window', () => {
    expect(starts(facts({ blocked: [freeze('2026-04-01', '2026-08-01')] }), 3)).toEqual([
      '2026-01-13T09:00',
      '2026-08-04T08:00',
      '2026-08-05T08:00',
    ]);
  });

  test('nothing free for a year is said, not skipped', () => {
    const { next } = planDrills(facts({ blocked: [freeze('2026-01-01', '2027-12-31')] }), 1);
    expect(next).toMatchObject([{ due: '2026-01-13', window: null, driver: null }]);
  });

  test('what was not held stays due until the next is due, then it is missed', () => {
    const late = planDrills(facts({ nowWallMs: at('2026-02-02T12:00:00Z') }), 1);
    expect(late.missed).toEqual([]);
    expect(late.next[0]).toMatchObject({ due: '2026-01-13', overdue: true });
    expect(late.next[0]?.window?.fromWallMs).toBe(at('2026-02-03T09:00:00Z'));
    const missed = planDrills(facts({ nowWallMs: at('2026-04-14T12:00:00Z') }), 1);
    expect(missed.missed).toEqual(['2026-01-13']);
    // Its window is open.
    expect(missed.next[0]).toMatchObject({ due: '2026-04-14', overdue: false });
  });

  test('an aborted one is tried again in another window, and a whole one is done', () => {
    const held = (whole: boolean): HeldDrill[] => [
      { due: '2026-01-13', driver: 'ana', atWallMs: at('2026-01-13T10:00:00Z'), whole },
    ];
    const nowWallMs = at('2026-01-13T11:00:00Z');
    const again = facts({ nowWallMs, held: held(false) });
    expect(planDrills(again, 1).next[0]).toMatchObject({ due: '2026-01-13', driver: 'bo' });
    expect(starts(again, 1)[0]).toBe('2026-01-14T09:00');
    expect(starts(facts({ nowWallMs, held: held(true) }), 1)).toEqual(['2026-04-14T08:00']);
  });

  test('a surprise spans its windows, and kinds follow each other over missed ones', () => {
    const kinds: PlanFacts['policy']['kinds'] = ['switchover-and-back', 'surprise'];
    const given = facts({ policy: { ...facts().policy, kinds } });
    const { next } = planDrills(given, 2);
    expect(next.map(({ kind }) => kind)).toEqual(kinds);
    expect(next[1]?.window).toEqual({
      fromWallMs: at('2026-04-14T08:00:00Z'),
      untilWallMs: at('2026-04-23T13:00:00Z'),
    });
    const later = planDrills({ ...given, nowWallMs: at('2026-04-14T00:00:00Z') }, 1);
    expect(later.next[0]?.kind).toBe('surprise');
  });

  test('the window now: open, blocked with its reason, none', () => {
    const now = (iso: string) =>
      windowNow(facts({ nowWallMs: at(iso), blocked: [freeze('2026-04-15', '2026-04-15')] }));
    expect(now('2026-04-14T09:00:00Z').window).not.toBeNull();
    expect(now('2026-04-15T09:00:00Z')).toEqual({ window: null, why: ['freeze'] });
    expect(now('2026-04-14T14:00:00Z')).toEqual({ window: null, why: [] });
  });
});

describe('who', () => {
  test('everybody in turn, with the next driver as the shadow', () => {
    const { next } = planDrills(facts(), 7);
    expect(next.map(({ driver }) => driver)).toEqual([...six, 'ana']);
    expect(next.slice(0, 6).map(({ shadow }) => shadow)).toEqual([...six.slice(1), 'ana']);
  });

  test('somebody on leave is passed over and comes next; nobody loses a turn', () => {
    const leave = [{ who: 'bo', ...daysSpan('2026-04-01', '2026-04-30', policy.zone) }];
    const given = facts({ rota: { people: six, experts: [], leave } });
    expect(drivers(given, 6)).toEqual(['ana', 'cy', 'bo', 'di', 'ed', 'flo']);
    expect(planDrills(given, 2).next[1]?.passedOver).toEqual([{ who: 'bo', why: 'on leave' }]);
  });

  test('never twice running, also when everybody else is on leave', () => {
    const rota = {
      people: ['ana', 'bo'],
      experts: [],
      leave: [{ who: 'bo', ...daysSpan('2026-04-01', '2026-04-30', policy.zone) }],
    };
    const { next } = planDrills(facts({ rota }), 2);
    expect(next.map(({ driver }) => driver)).toEqual(['ana', null]);
    expect(next[1]?.passedOver.map(({ why }) => why)).toEqual(['on leave', 'drove the last one']);
  });

  test('an expert never drives and is no shadow', () => {
    const given = facts({ rota: { people: six, experts: ['ana'], leave: [] } });
    const { next } = planDrills(given, 12);
    expect(next.flatMap(({ driver, shadow }) => [driver, shadow])).not.toContain('ana');
  });

  test('over any leave, nobody drives twice running and everybody drives in time', () => {
    for (let seed = 0; seed < 40; seed++) {
      const leave = six.flatMap((who, i) => {
        const month = ((seed * 7 + i * 5) % 12) + 1;
        const text = String(month).padStart(2, '0');
        return [{ who, ...daysSpan(`2026-${text}-01`, `2026-${text}-28`, policy.zone) }];
      });
      const turns = drivers(facts({ rota: { people: six, experts: [], leave } }), 9);
      expect(turns.filter((who, i) => who === turns[i - 1])).toEqual([]);
      expect(new Set(turns)).toEqual(new Set(six));
    }
  });

  test('a rota that the quarters cannot hold is told', () => {
    expect(planDrills(facts({ everyoneWithin: 6 }), 6).fair).toMatchObject({ met: true });
    const { fair, everyoneByWallMs } = planDrills(facts({ everyoneWithin: 4 }), 6);
    expect(fair).toEqual({ drivers: 6, drillsWithin: 4, met: false });
    expect(isoTime(everyoneByWallMs ?? 0).slice(0, 10)).toBe('2027-04-13');
  });

  test('the same past gives the same plan', () => {
    expect(planDrills(facts(), 8)).toEqual(planDrills(facts(), 8));
  });
});
