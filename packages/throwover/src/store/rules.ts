import type { ThrowoverError } from '../kernel/kernel.ts';
import { storeErrors } from './errors.ts';
import { maxPlanBytes, maxRecordBytes, maxRecords, maxReplanBytes } from './limits.ts';
import { mustBePlanOf, storedPlan } from './plan.ts';
import type { Input } from './port.ts';
import type { Halt, JournalRecord, RunState, RunSummary, ServiceState } from './shapes.ts';

/**
 * The rights to change a run and its journal, as pure functions of the state in the store. Every
 * adapter calls them inside its own transaction, so that all adapters refuse in the same way.
 *
 * They guarantee: one open run per service; a newer token locks out the older one; a journal has no
 * gaps.
 */

export type RunFacts = Pick<
  RunSummary,
  'runId' | 'service' | 'kind' | 'from' | 'to' | 'owner' | 'epoch' | 'token' | 'status'
> & { readonly lastSeq: number };

export function admitBegin(
  service: ServiceState,
  open:
    | { readonly runId: string; readonly owner?: string; readonly leaseLeftMs: number }
    | undefined,
  halt: Halt | null,
  input: Input<'beginRun'>,
  planText: string,
): void {
  if (halt !== null) {
    throw storeErrors.make('halted', `automation was halted by ${halt.by}: ${halt.reason}`, {
      ...halt,
    });
  }
  if (open !== undefined) {
    throw inProgress(service.name, open);
  }
  if (service.epoch !== input.epoch || service.active !== input.from) {
    throw storeErrors.make(
      'epoch-moved',
      `the plan is for epoch ${input.epoch} with ${input.from} active; ${service.name} is in epoch ${service.epoch} with ${service.active} active`,
      { epoch: service.epoch, active: service.active, planned: input.epoch },
    );
  }
  if (!service.regions.includes(input.to)) {
    throw storeErrors.make('no-such-service-region', `${service.name} has no region ${input.to}`, {
      regions: service.regions,
    });
  }
  mustFit('plan', planText, maxPlanBytes);
  mustBePlanOf(input, input.plan);
}

/**
 * Checks that a run may be taken: its lease has ended, or a person forces it, knowing that its
 * controller is gone.
 */
export function admitTake(run: RunFacts, leaseLeftMs: number, force: boolean): void {
  mustRun(run);
  if (leaseLeftMs > 0 && !force) {
    throw inProgress(run.service, { runId: run.runId, owner: run.owner, leaseLeftMs });
  }
}

/** Checks that the caller is the newest controller of the run. */
export function mustHold(run: RunFacts, token: number): void {
  if (token === run.token) return;
  throw storeErrors.make(
    'run-lost',
    `run ${run.runId} belongs to ${run.owner} with token ${run.token}; this controller has ${token}`,
    { runId: run.runId, owner: run.owner, token: run.token, ownToken: token },
  );
}

export function mustRun(run: Pick<RunFacts, 'runId' | 'status'>): void {
  if (run.status === 'running') return;
  throw storeErrors.make('run-ended', `run ${run.runId} ended: ${run.status}`, {
    runId: run.runId,
    status: run.status,
  });
}

/**
 * Checks that this controller may write for the service in the run's name: it is the newest one,
 * and the run has not ended.
 */
export function mustSpeak(run: RunFacts, service: string, token: number): void {
  if (run.service !== service) throw noSuchRun(run.runId);
  mustHold(run, token);
  mustRun(run);
}

/** Returns the new records of an append, in order. If one record is refused, none is kept. */
export function admitAppend(
  run: RunFacts,
  { token, records }: Input<'append'>,
  journal: {
    text(record: JournalRecord): string;
    /** Whether the stored record with this number has the same content. */
    same(seq: number, text: string): boolean;
  },
): readonly { readonly record: JournalRecord; readonly text: string }[] {
  mustHold(run, token);
  const added: { record: JournalRecord; text: string }[] = [];
  let facts = run;
  for (const record of records) {
    const text = journal.text(record);
    const same = () => journal.same(record.seq, text);
    if (admitRecord(facts, { token, record }, text, same) === 'already-there') continue;
    added.push({ record, text });
    const status = record.type === 'ended' ? record.status : facts.status;
    facts = { ...facts, lastSeq: record.seq, status };
  }
  return added;
}

function admitRecord(
  run: RunFacts,
  { token, record }: { token: number; record: JournalRecord },
  text: string,
  same: () => boolean,
): 'append' | 'already-there' {
  if (record.token !== token) {
    throw conflict(run, record, `carries token ${record.token} and was sent with ${token}`);
  }
  if (record.seq <= run.lastSeq) {
    if (same()) return 'already-there';
    throw conflict(run, record, 'is there already and says something else');
  }
  mustRun(run);
  if (record.seq !== run.lastSeq + 1) throw conflict(run, record, `does not follow ${run.lastSeq}`);
  mustFit('record', text, record.type === 'replanned' ? maxReplanBytes : maxRecordBytes);
  if (record.type === 'replanned') {
    mustBePlanOf({ ...run, kind: record.kind, planDigest: record.digest }, record.plan);
  }
  if (run.lastSeq >= maxRecords && record.type !== 'ended') {
    throw storeErrors.make('journal-full', `run ${run.runId} has ${run.lastSeq} records`, {
      runId: run.runId,
      maxRecords,
    });
  }
  return 'append';
}

/**
 * Returns the run with the plan that was approved last, according to its journal. Throws
 * `journal-damaged` when nobody can carry it on: the plan is not the run's, or its status is not
 * what its journal says; and `run-abandoned` when a person has ended it for such a reason.
 */
export function inForce(
  summary: RunSummary,
  firstPlan: unknown,
  records: readonly JournalRecord[],
): RunState {
  mustNotBeAbandoned(summary);
  const replanned = records.findLast((record) => record.type === 'replanned');
  const run =
    replanned === undefined
      ? { ...summary, plan: firstPlan, records }
      : {
          ...summary,
          ...{ kind: replanned.kind, planDigest: replanned.digest, plan: replanned.plan, records },
        };
  storedPlan(run);
  mustAgree(run);
  return run;
}

function mustAgree({ runId, status, records }: RunState): void {
  const last = records.at(-1);
  const told = last?.type === 'ended' ? last.status : 'running';
  if (told === status) return;
  throw storeErrors.make(
    'journal-damaged',
    `run ${runId}: it is kept as ${status}, and its journal says ${told}`,
    { runId, status, told },
  );
}

export function mustNotBeAbandoned({ runId, abandoned }: RunSummary): void {
  if (abandoned === undefined) return;
  const { by, reason, damage } = abandoned;
  throw storeErrors.make(
    'run-abandoned',
    `run ${runId} was ended by ${by} (${reason}), because it cannot be read: ${damage}`,
    { runId, ...abandoned },
  );
}

/**
 * Checks that a person may end this run without its journal: it cannot be read (`damage`), it is
 * what keeps later runs from beginning, and no controller acts for it.
 */
export function admitEnding(
  run: Pick<RunFacts, 'runId' | 'service' | 'status'> & {
    readonly owner?: string;
    readonly leaseLeftMs: number;
    /** The service keeps it as its open run. */
    readonly open: boolean;
  },
  damage: ThrowoverError | null,
): ThrowoverError {
  const { runId, service, status, owner, leaseLeftMs, open } = run;
  if (!open && status !== 'running') mustRun(run);
  if (damage === null) {
    throw storeErrors.make(
      'run-not-damaged',
      `run ${runId} of ${service} is ${status}, and its plan and its journal can be read`,
      { runId, service, status },
    );
  }
  if (leaseLeftMs > 0) {
    throw inProgress(service, { runId, ...(owner === undefined ? {} : { owner }), leaseLeftMs });
  }
  return damage;
}

export function noSuchRun(runId: string) {
  return storeErrors.make('no-such-run', `the store has no run ${runId}`, { runId });
}

export function noSuchService(name: string) {
  return storeErrors.make('no-such-service', `the store has no service ${name}`, { service: name });
}

export function inProgress(
  service: string,
  run: { runId: string; owner?: string; leaseLeftMs?: number },
) {
  const by = run.owner === undefined ? '' : `, carried on by ${run.owner}`;
  const heard =
    run.leaseLeftMs !== undefined && run.leaseLeftMs > 0
      ? `, which may act for another ${Math.ceil(run.leaseLeftMs / 1000)} s without being heard`
      : '';
  return storeErrors.make(
    'run-in-progress',
    `run ${run.runId} of ${service} has not ended${by}${heard}`,
    { service, ...run },
  );
}

function conflict(run: RunFacts, record: JournalRecord, what: string) {
  return storeErrors.make('seq-conflict', `record ${record.seq} of run ${run.runId} ${what}`, {
    runId: run.runId,
    seq: record.seq,
    lastSeq: run.lastSeq,
  });
}

function mustFit(what: string, text: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return;
  throw storeErrors.make('record-too-large', `a ${what} of ${bytes} bytes; at most ${maxBytes}`, {
    bytes,
    maxBytes,
  });
}
