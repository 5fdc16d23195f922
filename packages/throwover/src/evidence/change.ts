/** A change: an improvement that must show itself. Its records, and what they add up to. Pure. */
import { z } from 'zod';
import { dayMs } from './metrics.ts';
import type { LoggedRecord } from './record-log.ts';

/** From shipping until the review opens by itself, ms. */
export const reviewAfterMs = 30 * dayMs;

export const tradeOffKinds = ['latency', 'money', 'complexity', 'time'] as const;

/** What is paid for it. */
const tradeOff = z.object({
  kind: z.enum(tradeOffKinds),
  amount: z.number().refine((amount) => amount !== 0),
  /** `ms`, `usd a month`, `parts`, `h a week`. */
  unit: z.string().min(1),
  note: z.string(),
});
export type TradeOff = z.infer<typeof tradeOff>;

/** What may be filled in until it ships: where it is seen, which step it is in, what its owner does each week. */
const amendment = z.object({
  owner: z.string().optional(),
  panel: z.string().optional(),
  step: z.string().optional(),
  task: z.string().optional(),
});
export type Amendment = z.infer<typeof amendment>;

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
  owner: z.string(),
  panel: z.string().optional(),
  step: z.string().optional(),
  task: z.string().optional(),
});

const measured = z.object({
  verdict: z.enum(['improved', 'worse', 'no-difference', 'unknown']),
  change: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  samplesBefore: z.number(),
  samplesAfter: z.number(),
  reason: z.string().nullable(),
});
/** What the samples say, kept with the owner's verdict. */
export type Measured = z.infer<typeof measured>;

export const verdicts = ['kept', 'reverted', 'extended'] as const;

const reviewed = z.object({
  event: z.literal('reviewed'),
  name: z.string(),
  verdict: z.enum(verdicts),
  measured,
  /** What it really cost. */
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
export type ChangeEvent = z.infer<typeof changeEvent>;

export type ChangeStatus = 'draft' | 'shipped' | 'kept' | 'reverted' | 'retired';

export interface Review {
  readonly verdict: (typeof verdicts)[number];
  readonly measured: Measured;
  readonly cost: readonly TradeOff[];
  readonly reason: string | null;
  readonly by: string;
  readonly atWallMs: number;
}

export interface Change extends Omit<z.infer<typeof created>, 'event'> {
  readonly status: ChangeStatus;
  readonly by: string;
  readonly createdWallMs: number;
  readonly shippedWallMs: number | null;
  /** When its review opens, or has opened, by itself; null while it has none ahead. */
  readonly reviewDueWallMs: number | null;
  readonly reviews: readonly Review[];
  readonly retired: { readonly reason: string; readonly by: string } | null;
}

/** By name, oldest first. A record that does not follow from what is there (two people at once) changes nothing. */
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

/** Its review has opened and nobody has given a verdict. */
export function reviewOpen(change: Change, nowWallMs: number): boolean {
  return change.reviewDueWallMs !== null && nowWallMs >= change.reviewDueWallMs;
}

/** It is in use: it must stand the operating test. */
export function inUse({ status }: Change): boolean {
  return status === 'shipped' || status === 'kept';
}

/** `latency=3 ms: a second lookup` -> a trade-off; null: it is none, "none" included. */
export function parseTradeOff(text: string): TradeOff | null {
  const match = /^([a-z]+)=([+-]?\d+(?:\.\d+)?)\s*([^:]*?)\s*(?::\s*(.*))?$/.exec(text.trim());
  if (match === null) return null;
  const [, kind, amount, unit = '', note = ''] = match;
  const read = tradeOff.safeParse({ kind, amount: Number(amount), unit, note });
  return read.success ? read.data : null;
}

/** `-20%` -> -0.2; null: it is no share. */
export function parseShare(text: string): number | null {
  const match = /^([+-]?\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  return match === null ? null : Number(match[1]) / 100;
}
