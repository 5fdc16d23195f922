import { functionErrors } from './errors.ts';
import type { FunctionFacts } from './function-region.ts';

/** How fast a provider adds environments to one function by itself. */
export interface ScaleUp {
  readonly environments: number;
  readonly perMs: number;
}

/** Concurrency by Little's law: requests in service at once = arrival rate x time in service. */
export function littlesLaw(use: { arrivalsPerSecond: number; meanMs: number | null }): number {
  return (use.arrivalsPerSecond * (use.meanMs ?? 0)) / 1_000;
}

/**
 * Instances that must be warm before traffic arrives: `ceil(peakConcurrency x burst)`, at least one.
 *
 * An instance serves one request at a time, so as many are needed as requests are in service at once:
 * Little's law, or the peak that was counted, whichever is larger. `burst` is the reserve for what
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

/**
 * How long it takes until so many environments are up when nothing is warmed and requests start them, ms:
 * the first `environments` at once, as many again after each `perMs`, and each its own start.
 */
export function onDemandMs(options: {
  needed: number;
  /** Up already. */
  warm: number;
  scaleUp: ScaleUp;
  /** One start; `null`: nobody has measured it, and the answer is "at least". */
  initMs: number | null;
}): number {
  const { needed, warm, scaleUp, initMs } = options;
  const missing = Math.max(0, needed - warm);
  if (missing === 0) return 0;
  const waits = Math.ceil(missing / scaleUp.environments) - 1;
  return waits * scaleUp.perMs + (initMs ?? 0);
}

/** How many instances of this function may run, and what bounds them. */
export function room(facts: FunctionFacts): { limit: number; name: string } {
  if (facts.reserved !== null) return { limit: facts.reserved, name: 'its reserved concurrency' };
  return { limit: facts.unreservedLimit, name: 'the unreserved concurrency of the account' };
}
