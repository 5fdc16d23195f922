import { hash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, errorSchema } from '../kernel/kernel.ts';
import { storeErrors } from './errors.ts';
import type { RunSummary } from './shapes.ts';

/**
 * The plan of a run as the store keeps it: data with a digest. The store knows its shape, so that
 * it can refuse what is no plan before a run begins: a run with such a plan could neither be carried
 * on nor taken back, and would keep every later run from beginning.
 */

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
  return hash('sha256', canonicalJson({ ...rest, guards: verdicts }));
}

/** The run that a plan was made for. */
type RunOfPlan = Pick<RunSummary, 'service' | 'kind' | 'from' | 'to' | 'epoch' | 'planDigest'>;

/** Throws `plan-wrong` unless this is the plan that the digest names, for this run. */
export function mustBePlanOf(run: RunOfPlan, plan: unknown): void {
  const read = readPlan(run, plan);
  if (typeof read !== 'string') return;
  const { service, kind, planDigest: digest } = run;
  throw storeErrors.make('plan-wrong', `the plan of a ${kind} of ${service} ${read}`, {
    ...{ service, kind, planDigest: digest },
  });
}

/** Returns the plan of a run in the store; throws `journal-damaged` when that is not its plan. */
export function storedPlan(
  run: RunOfPlan & { readonly runId: string; readonly plan: unknown },
): Plan {
  const { runId, planDigest: digest } = run;
  const read = readPlan(run, run.plan);
  if (typeof read !== 'string') return read;
  throw storeErrors.make('journal-damaged', `run ${runId}: its plan ${read}`, {
    ...{ runId, planDigest: digest },
  });
}

/** Returns the plan, or what is wrong with it. */
function readPlan(run: RunOfPlan, value: unknown): Plan | string {
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) return 'is no plan';
  const plan = parsed.data;
  if (planDigest(plan) !== run.planDigest) return 'is not the one that its digest was made of';
  const other = (['service', 'kind', 'from', 'to', 'epoch'] as const).filter(
    (name) => plan[name] !== run[name],
  );
  const found = other.map((name) => `${name} ${plan[name]}, and the run has ${run[name]}`);
  return found.length === 0 ? plan : `is for another run: ${found.join('; ')}`;
}
