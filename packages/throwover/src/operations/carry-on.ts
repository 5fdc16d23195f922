import { type Consent, noConsent } from '../replication/replication.ts';
import { type ExecuteOptions, expectedOf } from '../runbook/runbook.ts';
import { isRunKind, type RunKind } from '../runs/runs.ts';
import { journalOf, type RunState, type Store } from '../store/store.ts';
import { operationsErrors } from './errors.ts';
import type { Operated } from './operated.ts';

/** Number of earlier runs whose journals give the expected durations of steps. */
const historyRuns = 40;

/** The options of a run that differ from one run to the next. */
type Omitted = 'store' | 'clock' | 'owner' | 'onEvent';
type Without<T> = T extends unknown ? Omit<T, Omitted> : never;
export type WhatToDo = Without<ExecuteOptions>;

/**
 * Returns everything that a second controller needs to carry on an open run: its steps, with the
 * overrides that the newest mandate in its journal approved.
 */
export function carriedOn(service: Operated, run: RunState) {
  const { kind, from, to, epoch } = run;
  const direction = { from, to, epoch };
  const consent = consentOf(run);
  const { steps, claim } = service.define(knownKind(run.runId, kind), direction, consent);
  const replanned = run.records.some(({ type }) => type === 'replanned');
  const earlier = replanned
    ? { earlierSteps: service.define(earlierKind(run), direction, consent).steps }
    : {};
  return { steps, ...earlier, claim, expected: () => expectations(service, kind) };
}

/** The person who approved the plan in force, and the refusals that this person overrode. */
function consentOf({ records }: RunState): Consent {
  for (const record of [...records].reverse()) {
    if (record.type !== 'mandate' && record.type !== 'replanned') continue;
    return { by: record.by, overrides: record.overrides };
  }
  return noConsent;
}

/**
 * The kind of run that had the steps which a replan has replaced; those steps take back what they
 * changed.
 */
export function earlierKind({ kind }: RunState): RunKind {
  return isRunKind(kind) && kind !== 'failover' ? kind : 'switchover';
}

function knownKind(runId: string, kind: string): RunKind {
  if (isRunKind(kind)) return kind;
  const message = `${runId} is a ${kind}, which this throwover does not know`;
  throw operationsErrors.make('no-such-kind', message, { runId, kind });
}

/** Returns the durations of the steps of this kind in earlier runs. Errors: those of the store. */
export async function expectations(service: Operated, kind: string) {
  const { store, name } = service;
  const runs = await store.runs({ service: name, limit: historyRuns });
  const ended = runs.filter((run) => run.kind === kind && run.status === 'succeeded');
  return expectedOf(await Promise.all(ended.map(({ runId }) => recordsOf(store, runId))));
}

async function recordsOf(store: Store, runId: string) {
  const records = (await journalOf(store, runId))?.records ?? [];
  // A replanned run has steps of two plans, so its durations belong to neither.
  return records.some(({ type }) => type === 'replanned') ? [] : records;
}
