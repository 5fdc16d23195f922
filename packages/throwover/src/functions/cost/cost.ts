import type { Prices } from './prices.ts';

/** A year, s. */
const yearSeconds = 365 * 86_400;

/** The price of capacity and warm-ups, USD. Excludes the normal charges of the traffic. */
export interface Cost {
  /** One window: from the warm-up until the release. */
  readonly perWindow: number;
  /** All windows of a year, or the whole year for capacity that is always on. */
  readonly perYear: number;
}

export interface Windows {
  /** Time from the warm-up until the release, s. */
  readonly seconds: number;
  readonly perYear: number;
}

/** Warm capacity that is to be priced. */
export interface Capacity {
  readonly prices: Prices;
  readonly instances: number;
  readonly memoryMb: number;
  readonly windows: Windows;
}

/** One drill a quarter, in a window of two hours. */
export const quarterlyWindows: Windows = { seconds: 7_200, perYear: 4 };

/** Returns the cost of provisioned environments in each window, in the provider's steps of time. */
export function provisionedWindowCost(capacity: Capacity): Cost {
  const { prices, windows } = capacity;
  const step = prices.provisionedStepSeconds;
  const perWindow = provisionedCost(capacity, Math.ceil(windows.seconds / step) * step);
  return { perWindow, perYear: perWindow * windows.perYear };
}

/**
 * Returns the cost of the same environments through the whole year. `perWindow`: the part of that
 * for the time of one window.
 */
export function alwaysOnCost(capacity: Capacity): Cost {
  return {
    perWindow: provisionedCost(capacity, capacity.windows.seconds),
    perYear: provisionedCost(capacity, yearSeconds),
  };
}

/**
 * Returns the cost of invocations that start environments and hold them. `billedMs`: all of them
 * together.
 */
export function invocationsCost(options: {
  prices: Prices;
  requests: number;
  billedMs: number;
  memoryMb: number;
  windowsPerYear: number;
}): Cost {
  const { prices, requests, billedMs, memoryMb, windowsPerYear } = options;
  const perWindow =
    requests * prices.perRequest +
    (billedMs / 1_000) * (memoryMb / 1_024) * prices.onDemandGbSecond;
  return { perWindow, perYear: perWindow * windowsPerYear };
}

function provisionedCost({ prices, instances, memoryMb }: Capacity, seconds: number): number {
  return instances * (memoryMb / 1_024) * seconds * prices.provisionedGbSecond;
}
