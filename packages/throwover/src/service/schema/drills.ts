import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import { duration, httpUrl, label, maxItems, text } from './fields.ts';

/** Kinds of drill, named after what they rehearse (docs/drills.md). */
export const drillKindNames = ['switchover-and-back', 'region-loss', 'surprise'] as const;

const weekdays = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const;

const date = z
  .string({ error: 'a date such as 2026-11-20' })
  .regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'a date such as 2026-11-20' })
  .refine((value) => reads(() => Temporal.PlainDate.from(value, { overflow: 'reject' })), {
    error: 'a date of the calendar',
  });

const timeOfDay = z
  .string({ error: 'a time of day such as "10:00"' })
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'a time of day such as "10:00"' });

const zone = text('a time zone such as Europe/Berlin').refine(
  (value) => reads(() => Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(value)),
  { error: 'a time zone such as Europe/Berlin' },
);

const rule = text('a recurrence rule such as FREQ=MONTHLY;INTERVAL=3;BYDAY=2TU').refine(
  (value) =>
    /^FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY)(;|$)/.test(value) &&
    !/BY(HOUR|MINUTE|SECOND)=/.test(value) &&
    reads(() => ruleOf(value)),
  { error: 'a recurrence rule (RFC 5545) of days or longer, such as FREQ=MONTHLY;INTERVAL=3' },
);

const lastDay = {
  path: ['until'],
  error: 'the day of `from` or a later one',
};

const window = z
  .strictObject({
    days: z.array(z.enum(weekdays)).min(1, { error: 'at least one of MO to SU' }),
    from: timeOfDay,
    until: timeOfDay,
  })
  .refine(({ from, until }) => from < until, {
    path: ['until'],
    error: 'a time of day after `from`',
  });

const calendar = text('an iCalendar file or http(s) URL');

const blocked = z.union(
  [
    z
      .strictObject({
        from: date,
        until: date.describe('The last day that is blocked'),
        why: text('why: release freeze, holidays'),
      })
      .refine(({ from, until }) => from <= until, lastDay),
    z.strictObject({ calendar: calendar.describe('Each of its events blocks') }),
  ],
  { error: '{ from, until, why } or { calendar: FILE or URL }' },
);

const alarm = z.union(
  [
    z
      .strictObject({
        name: label,
        prometheus: httpUrl.describe('Address of a Prometheus server'),
        query: text('a PromQL query').describe('Each series that it gives counts'),
        above: z.number().describe('It rings above this'),
      })
      .transform((given) => ({ by: 'prometheus' as const, ...given })),
    z
      .strictObject({
        name: label,
        metric: label.describe('A named metric: `throwover baseline metrics` lists them'),
        above: z.number().describe('It rings above this, in the unit of the metric'),
      })
      .transform((given) => ({ by: 'metric' as const, ...given })),
  ],
  { error: '{ name, prometheus, query, above } or { name, metric, above }' },
);

const abort = z
  .strictObject({
    errorRate: z.number().gt(0).lte(1).optional().describe('Share of requests that may fail'),
    p99: duration.optional().describe("Highest p99 of the applications' answers"),
    lag: duration.optional().describe('Longest time that the standby may be behind'),
    loss: duration.optional().describe('Longest time whose writes the drill may lose'),
    for: duration.default(15_000).describe('How long it must stand; a switch itself takes less'),
  })
  .prefault({})
  .transform(({ errorRate, p99, lag, loss, for: standing }) => ({
    errorRate: errorRate ?? null,
    p99Ms: p99 ?? null,
    lagMs: lag ?? null,
    lossMs: loss ?? null,
    forMs: standing,
  }))
  .describe('What ends a drill early, with the way back');

const rota = z
  .strictObject({
    people: z
      .array(text('a person of onCall'))
      .max(maxItems)
      .optional()
      .describe('Who drives; everybody of onCall when it is left out'),
    calendar: calendar
      .optional()
      .describe('An on-call calendar (PagerDuty, Opsgenie): who stands in it drives'),
    experts: z
      .array(text('a person of onCall'))
      .max(maxItems)
      .default([])
      .describe('They may watch, never drive'),
    leave: z
      .array(
        z
          .strictObject({ who: text('a person of onCall'), from: date, until: date })
          .refine(({ from, until }) => from <= until, lastDay),
      )
      .max(maxItems)
      .default([]),
    everyoneWithin: z
      .int()
      .min(1)
      .max(40)
      .default(8)
      .describe('Quarters in which everybody drives once'),
    droveShare: z
      .number()
      .gt(0)
      .lte(1)
      .optional()
      .describe(
        'Share of those who drive that must have driven in 180 days, for the operating test; two quarters of everyoneWithin, rounded down, when it is left out',
      ),
  })
  .prefault({});

export const drillsSchema = z
  .strictObject({
    every: rule.describe('When a drill is due: a recurrence rule, RFC 5545, without RRULE:'),
    from: date.describe('The first day of the rule'),
    zone: zone.describe('Of the rule and of the windows'),
    windows: z.array(window).min(1, { error: 'at least one window' }).max(maxItems),
    blocked: z.array(blocked).max(maxItems).default([]),
    alarms: z
      .array(alarm)
      .max(maxItems)
      .default([])
      .describe('No drill begins while one of them rings, or does not answer'),
    kinds: z
      .array(z.enum(drillKindNames))
      .min(1)
      .max(maxItems)
      .default(['switchover-and-back'])
      .describe('One after the other'),
    surpriseWithin: duration
      .default(14 * 86_400_000)
      .describe('A surprise comes in a window of this time'),
    remind: duration
      .default(14 * 86_400_000)
      .describe('How long before the drill its calendar entry reminds'),
    soak: duration
      .default(1_800_000)
      .describe('How long the other region serves, before the way back'),
    abort,
    rota,
    findingOwnerWithin: duration
      .default(14 * 86_400_000)
      .describe('How long a finding may be without an owner, for the operating test'),
    printed: z
      .array(text('a file that `throwover runbook` has printed'))
      .max(maxItems)
      .default([])
      .describe('Printed runbooks that people keep; the operating test compares them with today'),
  })
  .transform(({ soak, remind, surpriseWithin, findingOwnerWithin, ...rest }) => ({
    ...rest,
    findingOwnerWithinMs: findingOwnerWithin,
    soakMs: soak,
    remindMs: remind,
    surpriseWithinMs: surpriseWithin,
  }))
  .describe('Rehearsals in production: when, who drives, what ends them early');

export type DrillPolicy = z.output<typeof drillsSchema>;
export type DrillKind = (typeof drillKindNames)[number];

function reads(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function ruleOf(rruleString: string): unknown {
  return new RRuleTemporal({
    rruleString,
    dtstart: Temporal.ZonedDateTime.from('2026-01-01T00:00[UTC]'),
  }).next();
}
