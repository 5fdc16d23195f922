import { functionErrors } from './errors.ts';
import type { FunctionFacts } from './function-region.ts';

/** The rate at which a provider adds environments to one function by itself. */
export interface ScaleUp {
  readonly environments: number;
  readonly perMs: number;
}

/**
 * Returns the concurrency by Little's law: requests in service = arrival rate x time in service.
 */
export function littlesLaw(use: { arrivalsPerSecond: number; meanMs: number | null }): number {
  return (use.arrivalsPerSecond * (use.meanMs ?? 0)) / 1_000;
}

/**
 * Returns the number of instances that must be warm before traffic arrives: `ceil(peakConcurrency x
 * burst)`, at least one.
 *
 * An instance serves one request at a time, so the need is the number of requests in service at the
 * same time: Little's law or the counted peak, whichever is larger. `burst` is the reserve for the
 * effect of a flip (first requests are slower, held ones arrive together). Throws `functions-quota`
 * when the region's limits are too low, because such a warm-up would never be ready.
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
 * Returns the time until this many environments are running if none is warmed and requests start
 * them, ms: the first `environments` at once, as many again after each `perMs`, and one start.
 */
export function onDemandMs(options: {
  needed: number;
  /** Environments that are already running. */
  warm: number;
  scaleUp: ScaleUp;
  /** Duration of one start; `null`: it was not measured, and the result is a lower bound. */
  initMs: number | null;
}): number {
  const { needed, warm, scaleUp, initMs } = options;
  const missing = Math.max(0, needed - warm);
  if (missing === 0) return 0;
  const waits = Math.ceil(missing / scaleUp.environments) - 1;
  return waits * scaleUp.perMs + (initMs ?? 0);
}

/** Returns how many instances of this function may run, and the name of that limit. */
export function room(facts: FunctionFacts): { limit: number; name: string } {
  if (facts.reserved !== null) return { limit: facts.reserved, name: 'its reserved concurrency' };
  return { limit: facts.unreservedLimit, name: 'the unreserved concurrency of the account' };
}
