import type { Clock, Evidence } from '../kernel/kernel.ts';
import type { Guard, RunIdentity, Step } from '../runbook/runbook.ts';
import type { StepName } from './by-hand.ts';
import type { RunPolicy, RunPorts } from './ports.ts';

/** The regions that a run goes between, and the epoch that it begins in. */
export interface Direction {
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
}

/** One kind of run, for one service and one direction. */
export interface RunDefinition {
  readonly guards: readonly Guard[];
  readonly steps: readonly Step[];
  /**
   * Further facts for the plan, as they are now. Never throws: a fact that cannot be read is
   * reported as such.
   */
  readonly facts: () => Promise<Readonly<Record<string, unknown>>>;
  /**
   * First act of a takeover: tells every place where the run has effects about the newest token.
   */
  readonly claim: (run: RunIdentity) => Promise<Evidence>;
}

/**
 * A run whose steps people can also do by hand (by-hand.ts). compose/service-ports.ts inserts a
 * team's own steps between them.
 */
export interface BuiltRun extends Omit<RunDefinition, 'claim'> {
  readonly steps: readonly Step<StepName>[];
}

export type BuildRun = (ports: RunPorts, policy: RunPolicy, clock: Clock) => BuiltRun;

/** Marks neighbouring steps as a group whose steps run at the same time. */
export function together<Some extends Step>(
  group: string,
  steps: readonly Some[],
): readonly Some[] {
  return steps.map((step) => ({ ...step, group }));
}
