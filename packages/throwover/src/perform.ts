import { type Clock, systemClock } from './kernel/kernel.ts';
import { approve, executeRun, type RunEvent, type RunResult } from './runbook/runbook.ts';
import { isRunKind, runKinds } from './runs/runs.ts';
import { oneOf, serviceErrors } from './service/service.ts';
import { owner, planRun, withSession } from './session.ts';
import type { Store } from './store/store.ts';

export interface PerformOptions {
  /** Path of throwover.yaml. */
  readonly configPath: string;
  /** `switchover`, `flip-only`. */
  readonly kind: string;
  readonly to: string;
  /** Of the plan that was read and approved: `throwover plan KIND --to REGION`. */
  readonly digest: string;
  readonly overrides?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  readonly onEvent?: (event: RunEvent) => void;
  /** First request to stop, and to leave the run open, as Ctrl-C once and twice. */
  readonly signal?: AbortSignal;
  readonly leaveSignal?: AbortSignal;
  readonly decorateStore?: (store: Store) => Store;
}

/** A run from a program: planned anew, refused when its digest is not the approved one, carried out. */
export async function performRun(options: PerformOptions): Promise<RunResult> {
  const { configPath, kind, to, digest, overrides = [], onEvent, signal, leaveSignal } = options;
  const { env = process.env, clock = systemClock, decorateStore } = options;
  if (!isRunKind(kind)) throw noSuchKind(kind);
  const sessionOptions = { configPath, clock, env, ...(decorateStore ? { decorateStore } : {}) };
  return withSession(sessionOptions, async (session) => {
    const planSignal = signal ?? new AbortController().signal;
    const { plan, steps } = await planRun(session, { kind, to, signal: planSignal });
    return executeRun({
      store: session.parts.store,
      clock,
      steps,
      plan,
      mandate: approve(plan, { digest, by: owner(), overrides }),
      owner: owner(),
      ...(onEvent ? { onEvent } : {}),
      ...(signal ? { signal } : {}),
      ...(leaveSignal ? { leaveSignal } : {}),
    });
  });
}

export function noSuchKind(kind: string) {
  return serviceErrors.make('no-such-kind', `expected ${oneOf(kind, runKinds)}; found "${kind}"`, {
    kind,
  });
}
