import type { Clock } from '../../kernel/kernel.ts';
import type { Step } from '../../runbook/step.ts';
import type { StrategyName } from '../../service/service.ts';
import type { Cost, Windows } from '../cost/cost.ts';
import type { Prices } from '../cost/prices.ts';
import type { FunctionRegion } from '../function-region.ts';
import type { RampPolicy } from '../ramp.ts';
import type { ShareOfTraffic } from '../ramp-step.ts';

/** What the steps of a strategy work with. */
export interface StrategyParts {
  readonly to: FunctionRegion;
  /** Throws `functions-quota`. */
  readonly needed: () => Promise<number>;
  /** `null`: nobody knows; for a failover, which does not stop for that. */
  readonly neededIfKnown: () => Promise<number | null>;
  /** How long capacity is kept after the flip, ms. */
  readonly keepMs: number;
  readonly clock: Clock;
  /** `null`: nothing can send a share of the traffic. */
  readonly ramp: { readonly traffic: ShareOfTraffic; readonly policy: RampPolicy } | null;
}

export interface CostInput {
  readonly prices: Prices;
  readonly instances: number;
  readonly memoryMb: number;
  readonly windows: Windows;
  /** One start, ms; `null`: nobody has measured it. */
  readonly initMs: number | null;
}

/** What a strategy may add to a run. */
export type WarmthSteps = readonly Step<'warm' | 'ramp' | 'keep-warm' | 'release'>[];

/** One way to have functions that are not cold in the region that becomes active. */
export interface Strategy {
  readonly name: StrategyName;
  readonly says: string;
  /** Before traffic moves, at once with other preparations. */
  arm(parts: StrategyParts): WarmthSteps;
  /** Directly before the writer is fenced, by itself. */
  approach(parts: StrategyParts): WarmthSteps;
  /** In a failover, which waits for nothing. */
  ask(parts: StrategyParts): WarmthSteps;
  /** After traffic has moved. */
  settle(parts: StrategyParts): WarmthSteps;
  cost(input: CostInput): Cost;
}
