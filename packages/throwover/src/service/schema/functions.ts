import { z } from 'zod';
import { duration, text } from './fields.ts';

/**
 * Strategies that keep functions from being cold in the region that becomes active
 * (functions/strategies).
 */
export const strategyNames = [
  'always-on',
  'provisioned-window',
  'warm-up-invocations',
  'ramp',
  'nothing',
] as const;

export type StrategyName = (typeof strategyNames)[number];

/**
 * List prices, USD: an input with its date and source, because a price that is not checked again
 * becomes wrong.
 */
export const pricesSchema = z
  .strictObject({
    asOf: z.iso.date({ error: 'the day on which somebody looked: 2026-09-20' }),
    source: text('where the prices stand'),
    holdsFor: text('what they hold for: region, architecture, tier'),
    onDemandGbSecond: z
      .number()
      .positive()
      .describe('Of an invocation, per GB-second; the start of an environment is billed alike'),
    perRequest: z.number().nonnegative(),
    provisionedGbSecond: z
      .number()
      .positive()
      .describe('Of provisioned environments whether they work or not, per GB-second'),
    provisionedUseGbSecond: z
      .number()
      .positive()
      .describe('Of an invocation in one of them, per GB-second'),
    provisionedStepSeconds: z
      .number()
      .positive()
      .default(300)
      .describe('Provisioned time is rounded up to this'),
  })
  .describe('List prices, USD; those that come with throwover when it is left out');

export const functionsSchema = z
  .strictObject({
    name: text('the name of the function'),
    alias: text('an alias of the function such as live'),
    strategy: z
      .enum(strategyNames)
      .default('provisioned-window')
      .describe('How functions are made warm in the region that becomes active'),
    warm: z
      .union([z.literal('measured'), z.int().min(1).max(10_000)], {
        error: 'measured, or a whole number of instances',
      })
      .describe('Instances to keep warm; measured: as many as the active region is using'),
    metrics: z
      .enum(['door', 'cloudwatch'])
      .default('door')
      .describe('Who has counted what the active region uses; the door counts in either case'),
    burst: z
      .number()
      .min(1)
      .max(10)
      .default(2)
      .describe('What the measured number is multiplied by, for the burst after the flip'),
    hold: duration.default(300_000).describe('How long the warm capacity is kept after the flip'),
    bothSidesServe: z
      .boolean()
      .default(false)
      .describe(
        'The new region can serve before the switch, with the old one as its writer: a ramp needs it',
      ),
    ramp: z
      .strictObject({
        step: duration.default(15_000).describe('Shortest time at one share of the traffic'),
        p99Factor: z.number().min(1).max(10).default(1.5),
        errorsAbove: z.number().min(0).max(1).default(0.01),
        longestHold: duration.default(120_000).describe('Longest time without a step ahead'),
      })
      .prefault({}),
    scaleUp: z
      .strictObject({
        environments: z.int().min(1).default(1_000),
        per: duration.default(10_000),
      })
      .prefault({})
      .describe('How fast the provider adds environments to one function (AWS Lambda docs)'),
    prices: pricesSchema.optional(),
    priceMaxAge: duration.default(365 * 86_400_000).describe('Older prices are refused'),
  })
  .refine(({ strategy, bothSidesServe }) => strategy !== 'ramp' || bothSidesServe, {
    path: ['strategy'],
    error:
      'another strategy, or bothSidesServe: true: a ramp sends requests there before the switch',
  })
  .transform(({ hold, priceMaxAge, ramp, scaleUp, ...rest }) => ({
    ...rest,
    holdMs: hold,
    priceMaxAgeMs: priceMaxAge,
    ramp: {
      stepMs: ramp.step,
      p99Factor: ramp.p99Factor,
      errorsAbove: ramp.errorsAbove,
      longestHoldMs: ramp.longestHold,
    },
    scaleUp: { environments: scaleUp.environments, perMs: scaleUp.per },
  }));
