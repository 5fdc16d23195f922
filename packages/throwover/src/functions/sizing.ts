import { functionErrors } from './errors.ts';
import type { FunctionFacts } from './function-region.ts';

/**
 * Instances that must be warm before traffic arrives: `ceil(peakConcurrency x burst)`, at least one.
 *
 * Little's law: requests in service at once = arrival rate x time in service, and an instance serves
 * one at a time; the active region's door has measured the product. `burst` is the reserve for what
 * a flip does to it (first requests are slower, held ones come together). Prevents a warm-up that is
 * asked for and can never be ready: `functions-quota` when the region's limits leave no room for it.
 */
export function neededInstances(options: {
  peakConcurrency: number;
  burst: number;
  facts: FunctionFacts;
}): number {
  const { peakConcurrency, burst, facts } = options;
  if (!(peakConcurrency >= 0 && burst >= 1)) {
    throw new RangeError(`peakConcurrency ${peakConcurrency} below 0 or burst ${burst} below 1`);
  }
  const instances = Math.max(1, Math.ceil(peakConcurrency * burst));
  const { limit, name } = room(facts);
  if (instances > limit) {
    throw functionErrors.make(
      'functions-quota',
      `${facts.region} needs ${instances} warm instances and ${name} allows ${limit}`,
      {
        region: facts.region,
        instances,
        peakConcurrency,
        burst,
        limit,
        accountLimit: facts.accountLimit,
        unreservedLimit: facts.unreservedLimit,
        reserved: facts.reserved,
      },
    );
  }
  return instances;
}

/** How many instances of this function may run, and what bounds them. */
function room(facts: FunctionFacts): { limit: number; name: string } {
  if (facts.reserved !== null) return { limit: facts.reserved, name: 'its reserved concurrency' };
  return { limit: facts.unreservedLimit, name: 'the unreserved concurrency of the account' };
}
