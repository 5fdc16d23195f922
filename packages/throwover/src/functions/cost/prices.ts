import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { wallMsOfIso } from '../../kernel/kernel.ts';
import { functionErrors } from '../errors.ts';

/**
 * A provider's list prices, USD. An input, dated and with its source: a price that nobody looks at again is
 * a constant, and a constant is wrong one day.
 */
export const pricesSchema = z.strictObject({
  /** Day on which somebody looked, YYYY-MM-DD. */
  asOf: z.iso.date(),
  source: z.string().min(1),
  /** What the figures hold for: region, architecture, tier. */
  holdsFor: z.string().min(1),
  /** Of an on-demand invocation, per GB-second; the start of an environment is billed alike. */
  onDemandGbSecond: z.number().positive(),
  perRequest: z.number().nonnegative(),
  /** Of provisioned environments whether they work or not, per GB-second. */
  provisionedGbSecond: z.number().positive(),
  /** Of an invocation in one of them, per GB-second. */
  provisionedUseGbSecond: z.number().positive(),
  /** Provisioned time is rounded up to this, s. */
  provisionedStepSeconds: z.number().positive(),
});

export type Prices = z.infer<typeof pricesSchema>;

/** The list that comes with throwover: AWS Lambda, US East, x86. */
export function shippedPrices(): Prices {
  const file = new URL('../../../prices.yaml', import.meta.url);
  return pricesSchema.parse(parse(readFileSync(file, 'utf8')));
}

/** Throws `functions-prices-old` when nobody has looked at them for longer than `maxAgeMs`. */
export function checkPrices(prices: Prices, options: { wallMs: number; maxAgeMs: number }): Prices {
  const ageMs = options.wallMs - (wallMsOfIso(`${prices.asOf}T00:00:00Z`) ?? 0);
  if (ageMs <= options.maxAgeMs) return prices;
  const days = (ms: number) => Math.floor(ms / 86_400_000);
  throw functionErrors.make(
    'functions-prices-old',
    `the prices are of ${prices.asOf}: ${days(ageMs)} days old, and at most ${days(options.maxAgeMs)} are allowed`,
    { asOf: prices.asOf, source: prices.source },
  );
}
