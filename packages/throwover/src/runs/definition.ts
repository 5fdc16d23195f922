import type { Clock, Evidence } from '../kernel/kernel.ts';
import type { Guard, RunIdentity, Step } from '../runbook/step.ts';
import type { StepName } from './by-hand.ts';
import type { RunPolicy, RunPorts } from './ports.ts';

/** One kind of run, for one service and one direction. */
export interface RunDefinition {
  readonly guards: readonly Guard[];
  readonly steps: readonly Step[];
  /** What the plan shows besides, as it stands now; never thrown: what cannot be seen is said. */
  readonly facts: () => Promise<Readonly<Record<string, unknown>>>;
  /** First thing of a takeover: makes the newest token known where effects are made. */
  readonly claim: (run: RunIdentity) => Promise<Evidence>;
}

/** Of steps that people can do by hand too (by-hand.ts); a team's own come in between in compose.ts. */
export interface BuiltRun extends RunDefinition {
  readonly steps: readonly Step<StepName>[];
}

export type BuildRun = (ports: RunPorts, policy: RunPolicy, clock: Clock) => BuiltRun;

/** Steps that stand next to each other and run at once. */
export function together<Some extends Step>(
  group: string,
  steps: readonly Some[],
): readonly Some[] {
  return steps.map((step) => ({ ...step, group }));
}
