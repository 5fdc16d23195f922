import type { TimeScale } from '../../kernel/kernel.ts';
import type { JournalRecord } from '../../store/store.ts';
import { warmed } from '../outcomes.ts';
import { invocationsCost, provisionedWindowCost } from './cost.ts';
import type { Prices } from './prices.ts';

/**
 * Returns the warm-up of a run, from its journal: the strategy that really acted, and its usage.
 * `nothing` when no capacity was requested, whatever the team's strategy is.
 */
export function warmthOfRun(records: readonly JournalRecord[]) {
  const nothing = { strategy: 'nothing', instances: null, readyMs: null, readyWallMs: null };
  if (records.some((record) => record.type === 'outcome' && record.step === 'ramp')) {
    return { ...nothing, strategy: 'ramp' };
  }
  const warm = warmed.in(records);
  if (typeof warm?.outcome.strategy !== 'string') return nothing;
  return {
    strategy: warm.outcome.strategy,
    instances: warm.outcome.instances ?? null,
    /** Time from the request until all instances were ready, ms of the machine. */
    readyMs: warm.durationMs,
    /** Time at which `warm` was done, wall ms. */
    readyWallMs: warm.wallMs,
  };
}

/**
 * Returns the cost of a run's warm-up, USD, excluding the normal charges of the traffic; `null`:
 * its journal does not tell. It counts only the provisioned capacity that the run added to the
 * team's own, until it was released or until now. Waits are scaled in the lab, so all of the time
 * counts as life time: the result is never too low.
 */
export function runCost(options: {
  readonly prices: Prices;
  readonly memoryMb: number;
  readonly records: readonly JournalRecord[];
  readonly untilWallMs: number;
  readonly timeScale: TimeScale;
}): number | null {
  const { prices, memoryMb, records, timeScale } = options;
  if (warmthOfRun(records).strategy === 'nothing' || warmthOfRun(records).strategy === 'ramp') {
    return 0;
  }
  const warm = warmed.in(records);
  const asked = records.find((record) => record.type === 'intent' && record.step === 'warm');
  const released = records.find((record) => record.type === 'outcome' && record.step === 'release');
  if (warm === null) return null;
  const { requests, billedMs, former, instances, needed } = warm.outcome;
  if (typeof billedMs === 'number' && typeof requests === 'number') {
    return invocationsCost({ prices, memoryMb, requests, billedMs, windowsPerYear: 1 }).perWindow;
  }
  const had = typeof instances === 'number' ? instances : needed;
  if (typeof had !== 'number' || typeof former !== 'number') return null;
  if (asked === undefined) return 0;
  const untilWallMs = released?.wallMs ?? options.untilWallMs;
  const seconds = timeScale.life((untilWallMs - asked.wallMs) / 1_000);
  return provisionedWindowCost({
    prices,
    memoryMb,
    instances: Math.max(0, had - former),
    windows: { seconds, perYear: 1 },
  }).perWindow;
}
