import { z } from 'zod';
import { duration, label, maxItems, text } from './fields.ts';

/**
 * The five reasons why a failover is only a promise; each must pass the operating test
 * (docs/evidence.md).
 */
export const truthNames = ['dns', 'capacity', 'replication', 'webhooks', 'people'] as const;

const panel = z
  .strictObject({
    metric: label.describe('A named metric: `throwover baseline metrics` lists them'),
    fresh: duration.optional().describe('How old its newest sample may be; as the metric has it'),
  })
  .transform(({ fresh, metric }) => ({ metric, freshMs: fresh ?? null }));

const task = z.strictObject({
  name: label,
  title: text('what is done, in a sentence'),
  how: text('a command').describe('How it is done'),
  minutes: z.int().min(1).max(2_400).default(30).describe('How long it takes'),
});

const truth = z.strictObject({
  panel: label.optional().describe('A panel of `panels`'),
  step: label.optional().describe('A step of a runbook: `throwover plan KIND` shows them'),
  owner: text('a person of onCall').optional(),
  task: task.optional().describe("The owner's task of every week"),
});

export const evidenceSchema = z
  .strictObject({
    panels: z
      .record(label, panel)
      .default({})
      .refine((panels) => Object.keys(panels).length <= maxItems, { error: 'at most 64 panels' }),
    truths: z
      .strictObject({
        dns: truth.optional().describe('TTLs lie: traffic stays with the old region'),
        capacity: truth.optional().describe('The new region is cold'),
        replication: truth.optional().describe('Replication lags behind the last write'),
        webhooks: truth.optional().describe('Webhooks are missed'),
        people: truth.optional().describe('Nobody has done it'),
      })
      .prefault({}),
  })
  .prefault({})
  .describe('The operating test: what each truth changes on a dashboard, in a runbook, in a week');
