/**
 * The real usage of the active region, as its door or the provider's own metrics count it. Figures
 * for `sizing.ts`; unknown is `null`.
 */
export interface FunctionUse {
  readonly source: 'door' | 'cloudwatch';
  readonly atWallMs: number;
  /** Length of the observed period, ms. */
  readonly windowMs: number;
  readonly requests: number;
  /** In the busiest minute. */
  readonly arrivalsPerSecond: number;
  /** Mean of all requests, ms; `null` without requests. */
  readonly meanMs: number | null;
  /** p99 of the worst minute, ms. */
  readonly p99Ms: number | null;
  readonly errorRate: number | null;
  /** Highest number of requests in service at the same time. */
  readonly peakConcurrency: number | null;
}

/**
 * Port: the provider's own metrics of one function in one region. Errors: `functions-unreachable`,
 * `functions-denied`.
 */
export interface FunctionMetrics {
  readonly region: string;
  /**
   * Returns the last `windowMs` by the minute, oldest first; minutes without requests may be
   * missing.
   */
  minutes(windowMs: number): Promise<readonly MetricMinute[]>;
}

export interface MetricMinute {
  readonly fromWallMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly throttles: number;
  readonly meanMs: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly peakConcurrency: number | null;
  /** Number of requests that found no free provisioned environment, and went to another one. */
  readonly spillover: number | null;
}

/** Returns metrics by the minute as one figure each. */
export function useOf(
  minutes: readonly MetricMinute[],
  options: { atWallMs: number; windowMs: number },
): FunctionUse {
  const requests = sum(minutes, ({ requests }) => requests);
  const busy = sum(minutes, ({ requests, meanMs }) => requests * (meanMs ?? 0));
  const errors = sum(minutes, ({ errors }) => errors);
  return {
    source: 'cloudwatch',
    ...options,
    requests,
    arrivalsPerSecond: (most(minutes.map(({ requests: count }) => count)) ?? 0) / 60,
    meanMs: requests === 0 ? null : busy / requests,
    p99Ms: most(minutes.map(({ p99Ms }) => p99Ms)),
    errorRate: requests === 0 ? null : errors / requests,
    peakConcurrency: most(minutes.map(({ peakConcurrency }) => peakConcurrency)),
  };
}

const sum = <T>(all: readonly T[], of: (one: T) => number) =>
  all.reduce((total, one) => total + of(one), 0);

function most(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
