import type { Clock } from '../kernel/kernel.ts';
import type { RunLease, RunState, Store } from '../store/store.ts';
import { runbookErrors } from './errors.ts';
import type { RunEvent } from './events.ts';
import { runLeaseMs } from './lease.ts';
import type { Mandate } from './mandate.ts';
import { mustMatch, type Plan, planDigest, storedPlan } from './plan.ts';
import type { RunIdentity, Step } from './step.ts';

export type ExecuteOptions = {
  readonly store: Store;
  readonly clock: Clock;
  /** In the plan's order. */
  readonly steps: readonly Step[];
  /** Names this controller to others, for example `alice@host pid 4711`. */
  readonly owner: string;
  readonly onEvent?: (event: RunEvent) => void;
  /** Asks to stop: before the point of no return the run is undone, after it goes on to its end. */
  readonly signal?: AbortSignal;
  /** Asks to leave at once, whatever is half done; the run stays open for resume. */
  readonly leaveSignal?: AbortSignal;
} & (
  | { readonly plan: Plan; readonly mandate: Mandate }
  | {
      /** `force`: take it although its lease has not ended, because its controller is known to be gone. */
      readonly resumeOf: { readonly runId: string; readonly force: boolean };
    }
);

/** The right to carry a run out, and what its journal says so far. */
export interface Opening {
  readonly lease: RunLease;
  /** `monotonicMs` from before the lease was asked for. */
  readonly grantedMs: number;
  readonly run: RunIdentity;
  readonly records: RunState['records'];
}

/** A new run; refused while another of the service is open, and with a mandate for another plan. */
export async function begin(
  options: Extract<ExecuteOptions, { mandate: Mandate }>,
): Promise<Opening> {
  const { store, clock, plan, steps, mandate, owner } = options;
  mustMatch(plan, steps);
  if (!mandate.covers(plan)) {
    throw runbookErrors.make('digest-mismatch', 'the mandate is for another plan', {
      approved: mandate.digest,
      digest: planDigest(plan),
    });
  }
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
  return { lease, grantedMs, run: { runId, service, kind, from, to, epoch, token }, records: [] };
}

/** A run that an earlier controller began. */
export async function takeOver(
  options: Extract<ExecuteOptions, { resumeOf: object }>,
): Promise<Opening> {
  const { store, clock, steps, owner, resumeOf } = options;
  const { runId, force } = resumeOf;
  mustMatch(storedPlan(await store.run(runId)), steps);
  const grantedMs = clock.monotonicMs();
  const lease = await store.takeRun({ runId, owner, leaseMs: runLeaseMs, force });
  // Read again: from here on nobody else can append.
  const { service, kind, from, to, epoch, records } = await store.run(runId);
  return {
    lease,
    grantedMs,
    run: { runId, service, kind, from, to, epoch, token: lease.token },
    records,
  };
}
