import type { Clock, Evidence, ThrowoverError } from '../../kernel/kernel.ts';
import {
  type Halt,
  type Plan,
  planDigest,
  type RunLease,
  type RunState,
  type Store,
  storedPlan,
} from '../../store/store.ts';
import { runbookErrors } from '../errors.ts';
import type { Mandate } from '../plan/mandate.ts';
import { mustMatch } from '../plan/plan.ts';
import type { RunIdentity, Step } from '../step.ts';
import type { RunEvent } from './events.ts';
import type { Expected } from './history.ts';
import { runLeaseMs } from './lease.ts';
import { Progress } from './progress.ts';
import { noWayBack } from './turn-back.ts';

/** The options that every controller has, whatever it is started for. */
interface Means {
  readonly store: Store;
  readonly clock: Clock;
  /** The steps of the plan in force, in its order; with `replanOf`, of the new plan. */
  readonly steps: readonly Step[];
  /**
   * Steps of the plans that a replan has replaced or replaces; they take back what they changed.
   */
  readonly earlierSteps?: readonly Step[];
  /** Names this controller to others, for example `alice@host pid 4711`. */
  readonly owner: string;
  readonly onEvent?: (event: RunEvent) => void;
  /**
   * A request to stop: before the point of no return the run is undone, after it the run goes on to
   * its end.
   */
  readonly signal?: AbortSignal;
  /** A request to leave at once, even in the middle of a step; the run stays open for resume. */
  readonly leaveSignal?: AbortSignal;
  /**
   * The first act of a takeover, before anything is journaled or done: tells every place where the
   * run has effects this controller's token, so that an older controller's commands are refused.
   * Places that it could not reach are in its evidence; it throws only when the run must not
   * continue. Takes at most `claimTimeoutMs`.
   */
  readonly claim?: (run: RunIdentity, signal: AbortSignal) => Promise<Evidence>;
  /**
   * How long each step took in earlier runs: `expectedOf`. Asked once this controller has claimed
   * the run and goes forward, because many journals are read for it; without an answer no step is
   * reported as slow.
   */
  readonly expected?: () => Promise<ReadonlyMap<string, Expected>>;
}

interface Beginning {
  readonly plan: Plan;
  readonly mandate: Mandate;
}

interface Resuming {
  /**
   * `force`: take the run although its lease has not ended, because its controller is known to be
   * gone.
   */
  readonly resumeOf: { readonly runId: string; readonly force: boolean };
}

interface Aborting {
  /** Takes the run from its present controller, and undoes it if that is still possible. */
  readonly abortOf: {
    readonly runId: string;
    readonly by: string;
    readonly reason: string;
    /** Steps that may stay as they are when their undo fails: the run ends without them. */
    readonly leave?: readonly string[];
  };
}

interface Replanning {
  /**
   * Takes the run from its present controller and continues it with this plan. Service, regions and
   * epoch must be the same.
   */
  readonly replanOf: { readonly runId: string; readonly plan: Plan; readonly mandate: Mandate };
}

export type ExecuteOptions = Means & (Beginning | Resuming | Aborting | Replanning);

/** The right to carry a run out, and its journal so far. */
export interface Opening {
  readonly lease: RunLease;
  /** `monotonicMs` from before the lease was asked for. */
  readonly grantedMs: number;
  readonly run: RunIdentity;
  readonly records: RunState['records'];
  /** Steps of the plan that was in force before. */
  readonly planned: Plan['steps'];
  /** The kill switch, as the store reported it when the run was taken. */
  readonly halted: Halt | null;
}

/** Returns the id of the existing run that the options name; `null` for a new run. */
export function runIdOf(options: ExecuteOptions): string | null {
  if ('resumeOf' in options) return options.resumeOf.runId;
  if ('abortOf' in options) return options.abortOf.runId;
  return 'replanOf' in options ? options.replanOf.runId : null;
}

/**
 * Returns the reason why a run that should be aborted or replanned is left to its present
 * controller: its journal says that there is no way back. `null` if it may be taken.
 */
export async function leftAlone(options: ExecuteOptions): Promise<ThrowoverError | null> {
  const runId = runIdOf(options);
  if (runId === null || 'resumeOf' in options) return null;
  const run = await options.store.run(runId);
  if (run.status !== 'running') return null;
  const progress = new Progress(storedPlan(run).steps);
  for (const record of run.records) progress.note(record);
  if ('abortOf' in options) mustBeOwed(progress, runId, options.abortOf.leave ?? []);
  const happened = progress.passed.find((step) => progress.outcomes.has(step));
  return happened === undefined ? null : noWayBack(runId, happened);
}

/** Checks that each step named in `leave` is one in which the run may have changed something. */
function mustBeOwed(progress: Progress, runId: string, leave: readonly string[]): void {
  const unknown = leave.filter((step) => !progress.owed.includes(step));
  if (unknown.length === 0) return;
  throw runbookErrors.make(
    'step-not-owed',
    `run ${runId} has nothing to take back in ${unknown.join(', ')}; it has in: ${progress.owed.join(', ') || 'no step'}`,
    { runId, unknown, owed: progress.owed },
  );
}

export function open(options: ExecuteOptions): Promise<Opening> {
  if ('mandate' in options) return begin(options);
  if ('replanOf' in options) return takeWith(options, options.replanOf);
  if ('abortOf' in options) return take(options, options.abortOf.runId, true);
  return take(options, options.resumeOf.runId, options.resumeOf.force);
}

/**
 * Begins a new run. Refuses while another run of the service is open, and if the mandate is for
 * another plan.
 */
async function begin(options: Means & Beginning): Promise<Opening> {
  const { store, clock, plan, steps, mandate, owner } = options;
  mustMatch(plan, steps);
  mustCover(mandate, plan);
  const { service, kind, from, to, epoch } = plan;
  const grantedMs = clock.monotonicMs();
  const lease = await store.beginRun({
    service,
    kind,
    from,
    to,
    epoch,
    planDigest: mandate.digest,
    plan,
    owner,
    leaseMs: runLeaseMs,
  });
  const { runId, token } = lease;
  const run = { runId, service, kind, from, to, epoch, token };
  return { lease, grantedMs, run, records: [], planned: plan.steps, halted: null };
}

/** Takes a run that an earlier controller began, with another plan. */
async function takeWith(options: Means, replan: Replanning['replanOf']): Promise<Opening> {
  const { runId, plan, mandate } = replan;
  mustCover(mandate, plan);
  const { service, from, to, epoch } = await options.store.run(runId);
  const same = plan.service === service && plan.from === from && plan.to === to;
  if (!same || plan.epoch !== epoch) {
    throw runbookErrors.make(
      'replan-differs',
      `run ${runId} goes from ${from} to ${to} in epoch ${epoch} of ${service}; the plan is for another way`,
      { runId, service, from, to, epoch },
    );
  }
  return take(options, runId, true, plan);
}

/** Takes a run that an earlier controller began. */
async function take(
  { store, clock, steps, owner }: Means,
  runId: string,
  force: boolean,
  plan?: Plan,
): Promise<Opening> {
  // Checked before the run is taken: a controller that cannot carry it on must not displace one
  // that can.
  mustMatch(plan ?? storedPlan(await store.run(runId)), steps);
  const grantedMs = clock.monotonicMs();
  const lease = await store.takeRun({ runId, owner, leaseMs: runLeaseMs, force });
  const { halted } = await store.renewRun(lease);
  // Read again: from now on only this controller can append, and before that another one may have
  // replanned.
  const current = await store.run(runId);
  const planned = storedPlan(current);
  mustMatch(plan ?? planned, steps);
  const { service, kind, from, to, epoch, records } = current;
  const { token } = lease;
  return {
    lease,
    grantedMs,
    run: { runId, service, kind: plan?.kind ?? kind, from, to, epoch, token },
    records,
    planned: planned.steps,
    halted,
  };
}

function mustCover(mandate: Mandate, plan: Plan): void {
  if (mandate.covers(plan)) return;
  throw runbookErrors.make('digest-mismatch', 'the mandate is for another plan', {
    approved: mandate.digest,
    digest: planDigest(plan),
  });
}
