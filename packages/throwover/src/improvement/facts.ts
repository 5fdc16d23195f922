/** Reads the facts for the audit and the week from their ports. */

import { type DrillSources, drillFacts, findingsOf } from '../drills/drills.ts';
import { type Clock, isThrowoverError } from '../kernel/kernel.ts';
import {
  type EvidenceLog,
  type MetricSources,
  metricOf,
  quarterMs,
  type RecordLog,
  stepsOf,
  type Window,
} from '../records/records.ts';
import { type Service, truthNames } from '../service/service.ts';
import { journalOf, type RunState, type Store } from '../store/store.ts';
import { type AuditFacts, keyOf, type Subject } from './audit.ts';
import { changesOf, inUse } from './change.ts';
import type { Practice, PrintedState } from './practice.ts';
import { taskBody } from './tasks.ts';

/** Most runs that are read, newest first: years of quarterly drills. */
const maxRuns = 200;

export interface EvidencePorts {
  readonly store: Store;
  readonly evidence: EvidenceLog;
  readonly records: RecordLog;
  readonly drills: DrillSources;
  /**
   * Returns how a printed runbook differs from one printed now, one sentence for each difference;
   * throws an error with a code when it cannot be compared. The path is relative to the directory
   * of throwover.yaml.
   */
  readonly printedDrift: (file: string) => Promise<readonly string[]>;
}

/** Returns the sources of metrics; each journal is read only once. */
export function metricSources(
  { store, evidence }: Pick<EvidencePorts, 'store' | 'evidence'>,
  service: string,
): MetricSources {
  const journals = new Map<string, Promise<RunState | null>>();
  const kept = (runId: string) => {
    const known = journals.get(runId) ?? journalOf(store, runId);
    journals.set(runId, known);
    return known;
  };
  return {
    evidence,
    runs: async ({ sinceWallMs, untilWallMs }: Window) => {
      const runs = await store.runs({ service, limit: maxRuns });
      const own = runs.filter(
        ({ startedWallMs }) => startedWallMs >= sinceWallMs && startedWallMs < untilWallMs,
      );
      const read = await Promise.all(own.map(({ runId }) => kept(runId)));
      return read.filter((run) => run !== null);
    },
  };
}

/** Reads all facts for the operating test. Throws `store-away`. */
export async function auditFacts(
  service: Service,
  ports: EvidencePorts,
  clock: Clock,
): Promise<AuditFacts> {
  const nowWallMs = clock.wallMs();
  const sources = metricSources(ports, service.name);
  const [changeRecords, taskRecords] = await Promise.all([
    ports.records.list('change'),
    ports.records.list('task'),
  ]);
  const panels = new Map(Object.entries(service.evidence.panels));
  const taskDone = new Map<string, { by: string; atWallMs: number }[]>();
  for (const { body, by, atWallMs } of taskRecords) {
    const task = taskBody.safeParse(body);
    if (!task.success) continue;
    taskDone.set(task.data.task, [...(taskDone.get(task.data.task) ?? []), { by, atWallMs }]);
  }
  return {
    nowWallMs,
    subjects: truthsOf(service),
    changes: [...changesOf(changeRecords).values()],
    onCall: service.onCall,
    panels,
    newestSample: await newestSamples([...panels.values()], sources, nowWallMs),
    stepRan: await stepsThatRan(sources, nowWallMs),
    taskDone,
    practice: await practiceOf(service, ports, clock),
  };
}

async function practiceOf(service: Service, ports: EvidencePorts, clock: Clock): Promise<Practice> {
  const [drills, printed] = await Promise.all([
    drillFacts(service, ports, clock),
    printedStates(service, ports),
  ]);
  const findings = drills?.findings ?? findingsOf(await ports.records.list('finding'));
  return { drills, findings, printed };
}

/** Compares the printed runbooks that the service names with those that would be printed now. */
export function printedStates(
  { drills }: Pick<Service, 'drills'>,
  { printedDrift }: Pick<EvidencePorts, 'printedDrift'>,
): Promise<readonly PrintedState[]> {
  return Promise.all(
    (drills?.printed ?? []).map(async (file): Promise<PrintedState> => {
      try {
        const drift = await printedDrift(file);
        return drift.length === 0 ? { file, state: 'holds' } : { file, state: 'drifted', drift };
      } catch (error) {
        if (!isThrowoverError(error)) throw error;
        return { file, state: 'unknown', why: error.message };
      }
    }),
  );
}

/** Returns the keys of all subjects that may have a task. */
export function taskKeys({ subjects, changes }: AuditFacts): readonly string[] {
  const used = changes.filter(inUse).map(({ name }) => keyOf({ kind: 'change', name }));
  return [...subjects.map(keyOf), ...used];
}

const truthTitles: Readonly<Record<(typeof truthNames)[number], string>> = {
  dns: 'DNS TTLs lie',
  capacity: 'Functions are cold in the standby',
  replication: 'Replication lags',
  webhooks: 'Webhooks are missed',
  people: 'Nobody has done it',
};

function truthsOf(service: Service): readonly Subject[] {
  return truthNames.map((name) => {
    const { panel, step, owner, task } = service.evidence.truths[name] ?? {};
    return {
      kind: 'truth',
      name,
      title: truthTitles[name],
      panel: panel ?? null,
      step: step ?? null,
      owner: owner ?? null,
      task: task ?? null,
    };
  });
}

async function newestSamples(
  panels: readonly { readonly metric: string; readonly freshMs: number | null }[],
  sources: MetricSources,
  nowWallMs: number,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const { metric: name, freshMs } of panels) {
    const metric = metricOf(name);
    if (metric === null) continue;
    const window = {
      // Looks back twice as far as data counts as fresh, so that the age of older data can be
      // shown.
      sinceWallMs: nowWallMs - 2 * (freshMs ?? metric.freshMs),
      untilWallMs: nowWallMs + 1,
    };
    const samples = await metric.read(sources, window, { newest: true });
    for (const { atWallMs } of samples) {
      found.set(name, Math.max(atWallMs, found.get(name) ?? 0));
    }
  }
  return found;
}

async function stepsThatRan(
  sources: MetricSources,
  nowWallMs: number,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const runs = await sources.runs({
    sinceWallMs: nowWallMs - 2 * quarterMs,
    untilWallMs: nowWallMs + 1,
  });
  for (const { name, endMs, result } of runs.flatMap((run) => stepsOf(run).steps)) {
    if (result !== 'failed') found.set(name, Math.max(endMs, found.get(name) ?? 0));
  }
  return found;
}
