import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { z } from 'zod';
import { wallMsOfIso } from '../../kernel/kernel.ts';
import { pricesSchema, type Service } from '../../service/service.ts';
import { functionErrors } from '../errors.ts';

/** A provider's list prices, USD (service/schema/functions.ts). */
export type Prices = z.infer<typeof pricesSchema>;

/** Returns the price list that is shipped with throwover: AWS Lambda, US East, x86. */
export function shippedPrices(): Prices {
  const file = new URL('../../../prices.yaml', import.meta.url);
  return pricesSchema.parse(parse(readFileSync(file, 'utf8')));
}

/**
 * Returns the prices, or throws `functions-prices-old` when they were last checked more than
 * `maxAgeMs` ago.
 */
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

/**
 * Returns the team's prices, or those that are shipped with throwover. Throws
 * `functions-prices-old`.
 */
export function pricesOf({ functions }: Service, wallMs: number): Prices {
  const maxAgeMs = functions?.priceMaxAgeMs ?? Infinity;
  return checkPrices(functions?.prices ?? shippedPrices(), { wallMs, maxAgeMs });
}
