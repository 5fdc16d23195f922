import type { Plan, PlanStep } from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';
import type { Step } from '../step.ts';

/**
 * Returns the plan. Pure: the same input gives the same plan. Throws for a bug in the runbook: two
 * steps of the same name; a group that is not contiguous, or that contains a step of no return (the
 * steps beside it could not be taken back).
 */
export function makePlan(
  input: Omit<Plan, 'version' | 'steps'> & { readonly steps: readonly Step[] },
): Plan {
  const names = new Set<string>();
  for (const { name } of input.steps) {
    if (names.has(name)) throw new Error(`two steps are named ${name}`);
    names.add(name);
  }
  const groups = new Set<string>();
  for (const [index, { name, group, noReturn }] of input.steps.entries()) {
    if (group === undefined) continue;
    if (noReturn) throw new Error(`${name} is of no return and in group ${group}`);
    if (groups.has(group) && input.steps[index - 1]?.group !== group) {
      throw new Error(`the steps of group ${group} do not stand next to each other`);
    }
    groups.add(group);
  }
  return { version: 1, ...input, steps: input.steps.map(planStep) };
}

/**
 * Throws `steps-differ` unless the given steps are those of the plan: same names in the same order
 * and groups, same point of no return. This prevents a resume with another runbook than the run
 * began with. Timeouts may differ, because a resumed run may need a longer one.
 */
export function mustMatch(plan: Plan, steps: readonly Step[]): void {
  const shape = (list: readonly { name: string; noReturn?: boolean; group?: string }[]) =>
    list.map(({ name, noReturn, group }) =>
      [name, noReturn ? '!' : '', group === undefined ? '' : ` in ${group}`].join(''),
    );
  const planned = shape(plan.steps);
  const given = shape(steps);
  if (planned.join() === given.join()) return;
  throw runbookErrors.make('steps-differ', 'the steps at hand are not those of the plan', {
    planned,
    given,
  });
}

function planStep({ name, title, waits, timeoutMs, noReturn, group, undo }: Step): PlanStep {
  return {
    name,
    title,
    waits,
    timeoutMs,
    noReturn: noReturn === true,
    ...(group === undefined ? {} : { group }),
    undo: typeof undo === 'function' ? 'yes' : { none: undo.none },
  };
}
