import { checkPrices, type Prices, shippedPrices } from '../functions/functions.ts';
import type { Service } from '../service/service.ts';

/** The team's prices, or those that came with throwover. Throws `functions-prices-old`. */
export function pricesOf({ functions }: Service, wallMs: number): Prices {
  const maxAgeMs = functions?.priceMaxAgeMs ?? Infinity;
  return checkPrices(functions?.prices ?? shippedPrices(), { wallMs, maxAgeMs });
}
