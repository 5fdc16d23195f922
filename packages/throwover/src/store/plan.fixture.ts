import { type Plan, type PlanStep, planDigest } from './plan.ts';
import type { BeginRun } from './port.ts';

const step = (name: string, noReturn: boolean): PlanStep => ({
  ...{ name, title: `Throw ${name}`, waits: 'machine', timeoutMs: 10_000, noReturn, undo: 'yes' },
});

/** A small plan for a run, with its digest. */
export function plannedRun(
  change: Partial<Pick<Plan, 'service' | 'kind' | 'from' | 'to' | 'epoch' | 'facts'>> = {},
): Omit<BeginRun, 'owner' | 'leaseMs'> & { readonly plan: Plan } {
  const { facts = {}, ...other } = change;
  const run = {
    ...{ service: 'checkout', kind: 'switchover', from: 'east', to: 'west', epoch: 1 },
    ...other,
  };
  const steps = [step('fence', false), step('promote', true)];
  const plan: Plan = { version: 1, ...run, steps, guards: [], facts };
  return { ...run, planDigest: planDigest(plan), plan };
}
