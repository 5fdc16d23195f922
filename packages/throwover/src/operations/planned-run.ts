import { orNull } from '../kernel/kernel.ts';
import type { Consent } from '../replication/replication.ts';
import { checkGuards, makePlan, type Plan, planDigest } from '../runbook/runbook.ts';
import type { Direction, RunDefinition, RunKind } from '../runs/runs.ts';
import type { Operated } from './operated.ts';

/** A plan, and the run definition that it was made from. */
export interface PlannedRun {
  readonly plan: Plan;
  readonly digest: string;
  readonly definition: RunDefinition;
}

/** Returns today's plan for this direction: asks the guards, changes nothing. */
export async function planFor(
  service: Operated,
  options: {
    kind: RunKind;
    direction: Direction;
    consent: Consent;
    signal: AbortSignal;
    /** How long the plan waits for the region that is left, ms. Default: as usual. */
    lostPatienceMs?: number;
  },
): Promise<PlannedRun> {
  const { kind, direction, consent, signal, lostPatienceMs } = options;
  const waits = lostPatienceMs === undefined ? undefined : { lostPatienceMs };
  const definition = service.define(kind, direction, consent, waits);
  const { guards, steps } = definition;
  const [results, facts, lagHistory] = await Promise.all([
    checkGuards({ guards, clock: service.clock, signal }),
    definition.facts(),
    // The plan is made without the samples if the store does not answer.
    orNull(() => service.lagReports()),
  ]);
  const plan = makePlan({
    service: service.name,
    kind,
    ...direction,
    steps,
    guards: results,
    facts: { ...facts, lagHistory },
  });
  return { plan, digest: planDigest(plan), definition };
}
