import type { Clock } from '../../kernel/kernel.ts';
import type { Step } from '../../runbook/runbook.ts';
import type { StrategyName } from '../../service/service.ts';
import type { Capacity, Cost } from '../cost/cost.ts';
import type { FunctionRegion } from '../function-region.ts';
import type { RampPolicy } from '../ramp.ts';
import type { ShareOfTraffic } from '../ramp-step.ts';

/** The ports and settings that the steps of a strategy use. */
export interface StrategyParts {
  readonly to: FunctionRegion;
  /** Throws `functions-quota`. */
  readonly needed: () => Promise<number>;
  /** `null`: the number is not known. For a failover, which continues without it. */
  readonly neededIfKnown: () => Promise<number | null>;
  /** How long capacity is kept after the flip, ms. */
  readonly keepMs: number;
  readonly clock: Clock;
  /** `null`: there is no way to send a share of the traffic. */
  readonly ramp: { readonly traffic: ShareOfTraffic; readonly policy: RampPolicy } | null;
}

export interface CostInput extends Capacity {
  /** Duration of one start, ms; `null`: not measured. */
  readonly initMs: number | null;
}

/** The steps that a strategy may add to a run. */
export type WarmthSteps = readonly Step<'warm' | 'ramp' | 'keep-warm' | 'release'>[];

/** One way to keep functions from being cold in the region that becomes active. */
export interface Strategy {
  readonly name: StrategyName;
  readonly says: string;
  /** Steps before traffic moves, at the same time as other preparations. */
  arm(parts: StrategyParts): WarmthSteps;
  /** Steps directly before the writer is fenced, run alone. */
  approach(parts: StrategyParts): WarmthSteps;
  /** Steps in a failover, which does not wait for capacity. */
  ask(parts: StrategyParts): WarmthSteps;
  /** Steps after traffic has moved. */
  settle(parts: StrategyParts): WarmthSteps;
  cost(input: CostInput): Cost;
}
