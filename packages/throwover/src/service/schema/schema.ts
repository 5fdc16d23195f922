import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { identitySchema } from '../../access/identity.ts';
import { TimeScale } from '../../kernel/kernel.ts';
import { byHandSchema } from './by-hand.ts';
import { canarySchema, surveySchema } from './canary.ts';
import { drillsSchema } from './drills.ts';
import { evidenceSchema } from './evidence.ts';
import {
  duration,
  httpUrl,
  label,
  maxItems,
  regionName,
  secret,
  standsIn,
  text,
} from './fields.ts';
import { functionsSchema } from './functions.ts';
import { trafficSchema } from './traffic.ts';
import { weekSchema } from './week.ts';

/**
 * The schema of a team's throwover.yaml. Every `error` text completes the sentence "expected ...".
 * Durations are written as text and become milliseconds of life time, with `Ms` in the name;
 * `timeScale` converts those that the lab scales.
 */

const address = z
  .string({ error: 'an address: IPv4, IPv6 or a host name' })
  .refine((value) => isIPv4(value) || isIPv6(value) || /^[a-z0-9.-]+$/i.test(value), {
    error: 'an address: IPv4, IPv6 or a host name',
  });

const region = z.strictObject({
  addresses: z
    .array(address)
    .min(1, { error: 'at least one address: an empty answer takes the service off the net' })
    .max(maxItems)
    .describe('What the DNS record says while this region is active'),
  cloudRegion: text('a cloud region such as us-east-1')
    .optional()
    .describe('Cloud region that this is; functions.awsRegion when it is left out'),
  door: z.strictObject({
    admin: httpUrl.describe('Where the control plane reaches the door of this region'),
    forward: httpUrl.describe("Where the other region's door reaches the door of this region"),
  }),
  functions: z
    .strictObject({
      endpoint: httpUrl.optional().describe("Lambda API; AWS's own when it is left out"),
      awsRegion: text('an AWS region such as us-east-1'),
      metricsEndpoint: httpUrl.optional().describe("CloudWatch API; AWS's own when it is left out"),
    })
    .optional(),
  database: z.strictObject({
    guard: httpUrl.describe('`throwover guard`, the process beside the database of this region'),
  }),
  gateway: z
    .strictObject({
      admin: httpUrl.describe('Where the control plane reaches the webhook gateway of this region'),
      deliver: httpUrl.describe('Where gateways reach the door of this region'),
    })
    .optional(),
  byHand: byHandSchema,
});

/** Longest values that the door and the process beside the database accept, ms. */
const longestHoldMs = 30_000;
const longestOpenMs = 10_000;

/**
 * Bounds of a fence's deadline, ms: a fence must outlive a catch-up and a promotion, and must not
 * be an outage that waits for a person.
 */
const shortestFenceDeadlineMs = 7_000;
const longestFenceDeadlineMs = 60_000;

/**
 * The timing settings of the guards. A missing one has its default (authority/timing.ts), and all
 * are checked together.
 */
const timing = z
  .strictObject({
    lease: duration.optional().describe('How long the right to write lasts without a renewal'),
    renewEvery: duration.optional().describe('How often it is renewed'),
    gap: duration
      .optional()
      .describe('Longest pause between two ticks of a guard before it closes first and asks then'),
  })
  .transform(({ lease, renewEvery, gap }) => ({
    ...(lease === undefined ? {} : { leaseMs: lease }),
    ...(renewEvery === undefined ? {} : { renewEveryMs: renewEvery }),
    ...(gap === undefined ? {} : { gapMs: gap }),
  }));

const database = z
  .strictObject({
    provider: z.literal('postgres'),
    lagBound: duration.default(200).describe('Highest lag at which the writer is fenced'),
    armTimeout: duration.default(120_000).describe('How long to wait for that lag'),
    drain: z
      .strictObject({
        hold: duration
          .default(2_000)
          .describe(
            "How long the door keeps new requests waiting after the run's last sign of life; a run that works renews it, up to 30 s in all",
          ),
        openTransactions: duration
          .default(500)
          .describe('How long transactions that are already open may go on'),
      })
      .refine(({ hold }) => hold <= longestHoldMs, {
        path: ['hold'],
        error: 'at most 30s: a door holds no longer',
      })
      .refine(({ openTransactions }) => openTransactions <= longestOpenMs, {
        path: ['openTransactions'],
        error: 'at most 10s: a fence waits no longer',
      })
      .refine(({ hold, openTransactions }) => hold > 2 * openTransactions, {
        path: ['hold'],
        error:
          'more than twice openTransactions: they end once at the door and once in the database',
      })
      .prefault({})
      .transform(({ hold, openTransactions }) => ({
        holdMs: hold,
        openTransactionsMs: openTransactions,
      })),
    attachTimeout: duration
      .default(300_000)
      .describe('How long it may take to attach the old primary as a standby'),
    writerFence: z
      .enum(['available', 'strict'])
      .default('available')
      .describe(
        'strict: the right to write is a lease that the database checks; without store and guards it ends. The guards are told the same',
      ),
    durability: z
      .enum(['asynchronous', 'synchronous'])
      .default('asynchronous')
      .describe(
        'synchronous: a commit waits for the standby, one round trip. The guards are told the same',
      ),
    lossBound: duration
      .optional()
      .describe(
        'Longest time whose writes a failover may lose without an override; objectives.rpo when it is left out',
      ),
    fenceDeadline: duration
      .default(10_000)
      .refine((ms) => ms >= shortestFenceDeadlineMs && ms <= longestFenceDeadlineMs, {
        error: '7s to 60s: a catch-up and a promotion fit into it, and nobody can write meanwhile',
      })
      .describe(
        "How long a switchover's fence stands before the guards open it again by themselves",
      ),
    idsPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(1_000)
      .describe(
        'Highest rate at which ids are taken from one sequence: a failover leaves a gap of rate x time at risk x 10',
      ),
    timing: timing.prefault({}),
  })
  .transform(({ lagBound, armTimeout, attachTimeout, lossBound, fenceDeadline, ...rest }) => ({
    ...rest,
    lagBoundMs: lagBound,
    armTimeoutMs: armTimeout,
    attachTimeoutMs: attachTimeout,
    fenceDeadlineMs: fenceDeadline,
    lossBoundMs: lossBound ?? null,
  }));

const webhooks = z
  .strictObject({
    retention: duration.default(259_200_000).describe('How long delivered events are kept'),
    sources: z.record(
      label,
      z.strictObject({
        scheme: z.literal('stripe'),
        secret: secret.describe('Signing secret: env:NAME or file:PATH, never the secret itself'),
        path: z.string().regex(/^\/[^\s]*$/, { error: 'a path such as /webhooks/stripe' }),
      }),
    ),
  })
  .transform(({ retention, ...rest }) => ({ ...rest, retentionMs: retention }));

const httpCall = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  url: httpUrl,
  body: z.string().max(65_536).optional(),
  headers: z
    .record(z.string(), z.string())
    .optional()
    .describe('A value that is env:NAME or file:PATH is resolved when the call is made'),
});

const command = z
  .array(text('a text'), { error: 'a list: the program and its arguments' })
  .min(1, { error: 'a list: the program and its arguments' })
  .max(maxItems)
  .describe('Run without a shell, in the directory of throwover.yaml');

const action = z.union([z.strictObject({ command }), z.strictObject({ http: httpCall })], {
  error: '{ command: [program, argument, ...] } or { http: { method, url } }',
});

const observe = action.describe(
  'Is it done? Command: exit 0 done, 1 pending, else unknown. HTTP: 2xx done, 404 or 409 pending, else unknown',
);

/** Kinds of run that a step can be part of. */
export const runKindNames = ['switchover', 'failover', 'failback', 'rejoin', 'flip-only'] as const;

/** Kinds that move the active region as planned: an own step for one is meant for the other too. */
const plannedKinds = ['switchover', 'failback'] as const;

/**
 * Shortest silence that a standing policy may count as a loss, ms: longer than a restart of a guard
 * or a lost packet.
 */
const shortestSilenceMs = 1_000;

const standing = z
  .strictObject({
    by: text('who gave this mandate, and when: payments-team, 2026-11-01'),
    every: duration.default(1_000).describe('How often both regions are asked'),
    for: duration
      .default(10_000)
      .refine((ms) => ms >= shortestSilenceMs, { error: '1s or more' })
      .describe('How long the active region must be lost, to the witness and to the standby alike'),
    overrides: z
      .array(label)
      .max(maxItems)
      .default([])
      .describe(
        'Refusals that are accepted ahead of time, by name: two-writers for a region that does not answer and has no lease',
      ),
  })
  .refine(({ every, for: silence }) => silence >= 2 * every, {
    path: ['for'],
    error: 'at least twice `every`: one look that fails is no loss',
  })
  .transform(({ every, for: silence, ...rest }) => ({ ...rest, everyMs: every, forMs: silence }))
  .describe('A failover without a person: `throwover serve --service` watches and performs it');

const approval = z
  .strictObject({
    failover: z
      .enum(['one-person', 'two-people'])
      .default('one-person')
      .describe('two-people: a failover is approved by a second person, by name'),
    standing: standing.optional(),
  })
  .refine((given) => given.failover === 'one-person' || given.standing === undefined, {
    path: ['standing'],
    error: 'none where two people approve a failover',
  })
  .prefault({});

/** Kinds of notice that people can get about a run (notify/). */
export const noticeKinds = [
  'needs-approval',
  'started',
  'no-way-back',
  'stuck',
  'done',
  'undone',
  'failed',
  'adopted',
  'closure',
  'capacity-held',
  'drill',
  'week',
] as const;

export type NoticeKind = (typeof noticeKinds)[number];

const events = z
  .array(z.enum(noticeKinds))
  .min(1)
  .default([...noticeKinds])
  .describe('What is told; everything when it is left out');

const notify = z
  .strictObject({
    webhooks: z
      .array(
        z.strictObject({
          url: httpUrl.describe('Where notices are posted, as Standard Webhooks'),
          standsIn,
          secret: secret
            .optional()
            .describe('Signing secret: env:NAME or file:PATH; unsigned when it is left out'),
          events,
        }),
      )
      .max(maxItems)
      .default([]),
    email: z
      .strictObject({
        server: z
          .url({ protocol: /^smtps?$/, error: 'an address such as smtps://mail.example.com:465' })
          .describe('Mail server, without user and password'),
        standsIn,
        user: text('the user at the mail server').optional(),
        password: secret.optional(),
        from: z.email({ error: 'an e-mail address' }),
        to: z
          .array(z.email({ error: 'an e-mail address' }))
          .min(1)
          .max(maxItems),
        events,
      })
      .optional(),
  })
  .prefault({});

const step = z
  .strictObject({
    name: label,
    title: text('a sentence').optional(),
    before: label.optional().describe('Name of the step that comes after this one'),
    after: label.optional().describe('Name of the step that comes before this one'),
    runs: z
      .array(z.enum(runKindNames))
      .min(1)
      .default([...plannedKinds]),
    timeout: duration.default(30_000),
    observe,
    act: action,
    undo: z.union(
      [
        z.strictObject({ command }),
        z.strictObject({ http: httpCall }),
        z.strictObject({ none: text('the reason why nothing needs to be taken back') }),
      ],
      { error: '{ command: [...] }, { http: {...} } or { none: "reason" }' },
    ),
  })
  .transform(({ timeout, ...rest }) => ({ ...rest, timeoutMs: timeout }));

const check = z
  .strictObject({
    name: label,
    title: text('a sentence').optional(),
    runs: z
      .array(z.enum(runKindNames))
      .min(1)
      .default([...plannedKinds]),
    timeout: duration.default(10_000).describe('A plan waits at most 15 s for a check'),
    observe,
    override: label.optional().describe('Name by which an operator may go on in spite of it'),
  })
  .transform(({ timeout, ...rest }) => ({ ...rest, timeoutMs: timeout }));

/**
 * A guard works with one other region. With a third one, a guard that the run does not ask could
 * open a fence or extend a lease (A1).
 */
function twoRegions(regions: object, { addIssue }: z.RefinementCtx): void {
  const names = Object.keys(regions);
  if (names.length < 2) addIssue('two regions');
  for (const name of names.slice(2)) {
    const message = `two regions, here ${names.slice(0, 2).join(' and ')}: remove ${name} and every line that names it. A service moves between two regions; throwover does not support a third one yet`;
    addIssue({
      ...{ code: 'invalid_key', origin: 'record', path: [name] },
      issues: [{ code: 'custom', message, path: [], input: name }],
    });
  }
}

export const serviceSchema = z
  .strictObject({
    version: z.literal(1),
    service: label.describe('What fails over as one'),
    owner: text('the team that owns the service'),
    onCall: z.array(text('an address')).min(1, { error: 'at least one address' }).max(maxItems),
    objectives: z
      .strictObject({
        rto: duration.describe('Longest time without the service, life time'),
        rpo: duration.describe('Longest time whose writes may be lost, life time'),
      })
      .transform(({ rto, rpo }) => ({ rtoMs: rto, rpoMs: rpo })),
    timeScale: z
      .number()
      .min(1)
      .max(3_600)
      .default(1)
      .transform((factor) => new TimeScale(factor))
      .describe('Lab only: waits on DNS and retries are this much shorter than in life'),
    active: regionName
      .optional()
      .describe(
        'Region that is active when the store first meets the service; then the store knows',
      ),
    home: regionName
      .optional()
      .describe('Region that `failback` goes to; the one named as active when it is left out'),
    identity: identitySchema
      .optional()
      .describe(
        "The controller's [certificate](certificates.md) on this computer; paths from this file's directory. Without one, calls go without TLS",
      ),
    store: z.strictObject({
      url: httpUrl.describe('`throwover serve`, in a third place'),
      standsIn,
    }),
    regions: z.record(regionName, region).superRefine(twoRegions),
    traffic: trafficSchema,
    canary: canarySchema.optional(),
    survey: surveySchema.optional(),
    functions: functionsSchema.optional(),
    database,
    webhooks: webhooks.optional(),
    approval,
    notify,
    evidence: evidenceSchema,
    drills: drillsSchema.optional(),
    week: weekSchema,
    steps: z.array(step).max(maxItems).default([]),
    checks: z.array(check).max(maxItems).default([]),
  })
  .transform(({ service, database: declared, home, ...rest }) => ({
    name: service,
    ...rest,
    home: home ?? rest.active ?? null,
    database: { ...declared, lossBoundMs: declared.lossBoundMs ?? rest.objectives.rpoMs },
  }));

/** A checked throwover.yaml. Durations in milliseconds of life time. */
export type Service = z.output<typeof serviceSchema>;
export type OwnStep = Service['steps'][number];
export type OwnCheck = Service['checks'][number];
export type OwnAction = z.output<typeof action>;
