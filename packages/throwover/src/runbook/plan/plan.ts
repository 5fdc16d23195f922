import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, errorSchema } from '../../kernel/kernel.ts';
import { storeErrors } from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';
import type { Step } from '../step.ts';

/** A step as the plan shows it. */
const planStepSchema = z.object({
  name: z.string(),
  title: z.string(),
  waits: z.enum(['machine', 'scaled']),
  timeoutMs: z.number(),
  noReturn: z.boolean(),
  /** Neighbouring steps with the same group run at the same time. */
  group: z.string().exactOptional(),
  /** `yes`, or the reason why there is nothing to take back. */
  undo: z.union([z.literal('yes'), z.object({ none: z.string() })]),
});
export type PlanStep = Readonly<z.infer<typeof planStepSchema>>;

/** The result of one guard. Without refusals it lets the plan through. */
const guardResultSchema = z.object({
  name: z.string(),
  title: z.string(),
  /** Overrides that may be given ahead of time; default: none. */
  mayAsk: z.array(z.string()).readonly().exactOptional(),
  refusals: z.array(z.object({ error: errorSchema, override: z.string().nullable() })).readonly(),
});
export type GuardResult = Readonly<z.infer<typeof guardResultSchema>>;

/**
 * A runbook applied to today's facts, as data: the operator reads it, the store keeps it, and
 * resume compares its steps with it.
 */
const planSchema = z.object({
  version: z.literal(1),
  service: z.string(),
  kind: z.string(),
  from: z.string(),
  to: z.string(),
  /** Epoch that must still be current when the run begins. */
  epoch: z.int(),
  steps: z.array(planStepSchema).readonly(),
  guards: z.array(guardResultSchema).readonly(),
  /**
   * Facts from when the plan was made (lag, sizes, expected durations); they change all the time
   * and are for people.
   */
  facts: z.record(z.string(), z.unknown()).readonly(),
});
export type Plan = Readonly<z.infer<typeof planSchema>>;

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
 * Returns the identity of the plan that an operator approves: the sha256, in hex, of service, kind,
 * regions, epoch, every step with its bounds, and which guards refused with which code and
 * override. It does not cover the facts, the figures in refusals, and refusals that grow by
 * themselves (`mayAsk`): these change from one second to the next, and they still need an override
 * by name.
 */
export function planDigest(plan: Plan): string {
  const { facts: _volatile, guards, ...rest } = plan;
  const verdicts = guards.map(({ name, mayAsk = [], refusals }) => ({
    name,
    ...(mayAsk.length > 0 ? { mayAsk } : {}),
    refusals: refusals
      .filter(({ override }) => override === null || !mayAsk.includes(override))
      .map(({ error, override }) => ({ code: error.code, override })),
  }));
  return createHash('sha256')
    .update(canonicalJson({ ...rest, guards: verdicts }))
    .digest('hex');
}

/**
 * Returns the plan that a run is carried out with, as the store keeps it: the first one, or the
 * last one that replaced it.
 */
export function storedPlan(run: { runId: string; plan: unknown; planDigest: string }): Plan {
  const plan = planSchema.safeParse(run.plan);
  if (plan.success && planDigest(plan.data) === run.planDigest) return plan.data;
  throw storeErrors.make(
    'journal-damaged',
    `the plan of run ${run.runId} is not the one that its digest was made of`,
    { runId: run.runId, planDigest: run.planDigest },
  );
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
