import { checkPrices, type Prices, shippedPrices } from '../functions/functions.ts';
import type { Service } from '../service/service.ts';

/**
 * Returns the team's prices, or those that are shipped with throwover. Throws
 * `functions-prices-old`.
 */
export function pricesOf({ functions }: Service, wallMs: number): Prices {
  const maxAgeMs = functions?.priceMaxAgeMs ?? Infinity;
  return checkPrices(functions?.prices ?? shippedPrices(), { wallMs, maxAgeMs });
}
