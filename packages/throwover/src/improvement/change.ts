/**
 * A change: an improvement that must prove itself. Its records, and the state that they give. Pure.
 */

import { z } from 'zod';
import { dayMs, type LoggedRecord } from '../records/records.ts';
import type { ValueOf } from '../wire/wire.ts';

/** Time from shipping until the review opens automatically, ms. */
export const reviewAfterMs = 30 * dayMs;

export const tradeOffKinds = ['latency', 'money', 'complexity', 'time'] as const;

/** The price of a change. */
const tradeOff = z.object({
  kind: z.enum(tradeOffKinds),
  amount: z.number().refine((amount) => amount !== 0),
  /** For example `ms`, `usd a month`, `parts`, `h a week`. */
  unit: z.string().min(1),
  note: z.string(),
});
export type TradeOff = ValueOf<typeof tradeOff>;

/**
 * Values that may be set until the change ships: its panel, its runbook step, the weekly task of
 * its owner.
 */
const amendment = z.object({
  owner: z.string().optional(),
  panel: z.string().optional(),
  step: z.string().optional(),
  task: z.string().optional(),
});
export type Amendment = ValueOf<typeof amendment>;

const created = z.object({
  event: z.literal('created'),
  name: z.string(),
  hypothesis: z.string().min(1),
  metric: z.string(),
  baseline: z.string(),
  /** Share by which the metric is expected to change: -0.2 is 20 % less. */
  expect: z.number(),
  tradeOffs: z.array(tradeOff).min(1),
  /** Drills that will be held before the review, for a metric that only runs give. */
  drills: z.int().nonnegative(),
  ...amendment.shape,
  owner: z.string(),
});

const measured = z.object({
  verdict: z.enum(['improved', 'worse', 'no-difference', 'unknown']),
  change: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  samplesBefore: z.number(),
  samplesAfter: z.number(),
  reason: z.string().nullable(),
});
/** The measured effect, stored with the owner's verdict. */
export type Measured = ValueOf<typeof measured>;

export const verdicts = ['kept', 'reverted', 'extended'] as const;

const reviewed = z.object({
  event: z.literal('reviewed'),
  name: z.string(),
  verdict: z.enum(verdicts),
  measured,
  /** The real cost. */
  cost: z.array(tradeOff).min(1),
  reason: z.string().nullable(),
});

export const changeEvent = z.discriminatedUnion('event', [
  created,
  z.object({ event: z.literal('amended'), name: z.string(), ...amendment.shape }),
  z.object({ event: z.literal('shipped'), name: z.string() }),
  reviewed,
  z.object({ event: z.literal('retired'), name: z.string(), reason: z.string() }),
]);
export type ChangeEvent = ValueOf<typeof changeEvent>;

export type ChangeStatus = 'draft' | 'shipped' | 'kept' | 'reverted' | 'retired';

export interface Review extends Omit<ValueOf<typeof reviewed>, 'event' | 'name'> {
  readonly by: string;
  readonly atWallMs: number;
}

export interface Change extends Omit<ValueOf<typeof created>, 'event'> {
  readonly status: ChangeStatus;
  readonly by: string;
  readonly createdWallMs: number;
  readonly shippedWallMs: number | null;
  /** When its review opens, or has opened; null when no review is ahead. */
  readonly reviewDueWallMs: number | null;
  readonly reviews: readonly Review[];
  readonly retired: { readonly reason: string; readonly by: string } | null;
}

/**
 * Returns changes by name, oldest first. A record that does not fit the current state (two people
 * at the same time) is ignored.
 */
export function changesOf(records: readonly LoggedRecord[]): ReadonlyMap<string, Change> {
  const found = new Map<string, Change>();
  for (const { body, by, atWallMs } of records) {
    const read = changeEvent.safeParse(body);
    if (!read.success) continue;
    const before = found.get(read.data.name);
    const after = follow(before, read.data, by, atWallMs);
    if (after !== undefined) found.set(read.data.name, after);
  }
  return found;
}

function follow(
  change: Change | undefined,
  given: ChangeEvent,
  by: string,
  atWallMs: number,
): Change | undefined {
  if (given.event === 'created') {
    if (change !== undefined) return change;
    const { event: _, ...rest } = given;
    return {
      ...rest,
      status: 'draft',
      by,
      createdWallMs: atWallMs,
      shippedWallMs: null,
      reviewDueWallMs: null,
      reviews: [],
      retired: null,
    };
  }
  if (change === undefined) return undefined;
  const open = change.status === 'draft' || change.status === 'shipped';
  switch (given.event) {
    case 'amended': {
      if (!open) return change;
      const { event: _, name: __, ...amended } = given;
      return { ...change, ...amended, owner: amended.owner ?? change.owner };
    }
    case 'shipped':
      if (change.status !== 'draft') return change;
      return {
        ...change,
        status: 'shipped',
        shippedWallMs: atWallMs,
        reviewDueWallMs: atWallMs + reviewAfterMs,
      };
    case 'reviewed': {
      if (change.status !== 'shipped') return change;
      const { event: _, name: __, ...review } = given;
      const reviews = [...change.reviews, { ...review, by, atWallMs }];
      return review.verdict === 'extended'
        ? { ...change, reviews, reviewDueWallMs: atWallMs + reviewAfterMs }
        : { ...change, reviews, status: review.verdict, reviewDueWallMs: null };
    }
    case 'retired':
      if (change.status === 'retired' || change.status === 'reverted') return change;
      return {
        ...change,
        status: 'retired',
        reviewDueWallMs: null,
        retired: { reason: given.reason, by },
      };
  }
}

/** Whether the review has opened and nobody has given a verdict. */
export function reviewOpen(change: Change, nowWallMs: number): boolean {
  return change.reviewDueWallMs !== null && nowWallMs >= change.reviewDueWallMs;
}

/** Whether the change is in use, so that it must pass the operating test. */
export function inUse({ status }: Change): boolean {
  return status === 'shipped' || status === 'kept';
}

/**
 * Parses `latency=3 ms: a second lookup` into a trade-off; null when it is not one. "none" is not
 * one.
 */
export function parseTradeOff(text: string): TradeOff | null {
  const match = /^([a-z]+)=([+-]?\d+(?:\.\d+)?)\s*([^:]*?)\s*(?::\s*(.*))?$/.exec(text.trim());
  if (match === null) return null;
  const [, kind, amount, unit = '', note = ''] = match;
  const read = tradeOff.safeParse({ kind, amount: Number(amount), unit, note });
  return read.success ? read.data : null;
}

/** Parses `-20%` into -0.2; null when it is not a percentage. */
export function parseShare(text: string): number | null {
  const match = /^([+-]?\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  return match === null ? null : Number(match[1]) / 100;
}
