import {
  done,
  type Guard,
  type Observation,
  pending,
  type Step,
  type StepContext,
} from '../../runbook/runbook.ts';
import { serviceErrors } from '../errors.ts';
import { oneOf } from '../load/references.ts';
import type { OwnAction, OwnCheck, OwnStep } from '../schema/schema.ts';
import { type ActionAnswer, type RunFacts, runAction } from './own-action.ts';

/** Pause between two observations of an own step, ms: each starts a process or makes a call. */
const ownPollMs = 250;

export interface OwnOptions {
  /** Kind of run. A step or check that does not name this kind is left out. */
  readonly kind: string;
  /** Directory of throwover.yaml. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Returns the run's steps with the team's own steps among them, in the order of the file. An own
 * step may be placed relative to an own step above it. Refuses a place that does not exist and a
 * name that is already taken.
 */
export function placeOwnSteps(
  steps: readonly Step[],
  own: readonly OwnStep[],
  options: OwnOptions,
): readonly Step[] {
  return own
    .filter((step) => isOf(step, options.kind))
    .reduce((placed, step) => insert(placed, step, options), steps);
}

function insert(steps: readonly Step[], own: OwnStep, options: OwnOptions): readonly Step[] {
  const names = steps.map(({ name }) => name);
  const place = own.before ?? own.after ?? '';
  const index = names.indexOf(place);
  if (names.includes(own.name)) {
    throw misplaced(own, `a name that no other step of ${options.kind} has`, `"${own.name}"`);
  }
  if (index < 0) throw misplaced(own, oneOf(place, names), `"${place}"`);
  return steps.toSpliced(own.before === undefined ? index + 1 : index, 0, toStep(own, options));
}

function misplaced(own: OwnStep, expected: string, found: string) {
  return serviceErrors.make(
    'own-step-misplaced',
    `steps: ${own.name}: expected ${expected}; found ${found}`,
    { step: own.name },
  );
}

function toStep(own: OwnStep, options: OwnOptions): Step {
  const run = (action: OwnAction, { run, clock, signal }: StepContext) =>
    runAction(action, {
      directory: options.directory,
      env: options.env,
      facts: {
        run: run.runId,
        from: run.from,
        to: run.to,
        epoch: run.epoch,
        token: run.token,
      },
      timeoutMs: own.timeoutMs,
      clock,
      signal,
    });
  const { undo } = own;
  return {
    name: own.name,
    title: own.title ?? `Own step ${own.name}`,
    waits: 'machine',
    timeoutMs: own.timeoutMs,
    pollMs: ownPollMs,
    observe: async (context) => observation(own.name, await run(own.observe, context)),
    act: async (context) => requireDone(own.name, 'act', await run(own.act, context)),
    // It is unknown which steps an own step depends on.
    undoesInOrder: true,
    undo:
      'none' in undo
        ? { none: undo.none }
        : async (context) => requireDone(own.name, 'undo', await run(undo, context)),
  };
}

function observation(name: string, answer: ActionAnswer): Observation {
  if (answer.state === 'done') return done(answer.evidence);
  if (answer.state === 'pending') return pending(answer.evidence);
  return {
    state: 'unknown',
    error: serviceErrors.make(
      'own-step-unknown',
      `${name}: observe says neither done nor pending: ${answer.said}`,
      answer.evidence,
    ),
  };
}

function requireDone(name: string, part: 'act' | 'undo', answer: ActionAnswer): void {
  if (answer.state === 'done') return;
  throw serviceErrors.make('own-step-failed', `${name}: ${part}: ${answer.said}`, answer.evidence);
}

/** Returns the team's own checks as guards: a check whose state is not `done` is refused. */
export function ownGuards(
  checks: readonly OwnCheck[],
  facts: RunFacts,
  options: OwnOptions,
): readonly Guard[] {
  return checks
    .filter((check) => isOf(check, options.kind))
    .map((check) => ({
      name: check.name,
      title: check.title ?? `Own check ${check.name}`,
      check: async ({ clock, signal }) => {
        const answer = await runAction(check.observe, {
          directory: options.directory,
          env: options.env,
          facts,
          timeoutMs: check.timeoutMs,
          clock,
          signal,
        });
        if (answer.state === 'done') return [];
        const what = answer.state === 'pending' ? 'does not hold' : 'could not be seen to hold';
        const error = serviceErrors.make(
          'own-check-refused',
          `${check.name} ${what}: ${answer.said}`,
          answer.evidence,
        );
        return [{ error, override: check.override ?? null }];
      },
    }));
}

function isOf(own: { readonly runs: readonly string[] }, kind: string): boolean {
  return own.runs.includes(kind);
}
