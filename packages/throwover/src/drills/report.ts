/** The results of a drill, from its journals and records; nobody edits them by hand. Pure. */

import { type LoggedRecord, stepsOf } from '../records/records.ts';
import { caughtUp, promoted } from '../replication/replication.ts';
import type { RunState } from '../store/store.ts';
import type { AbortCriteria } from './abort.ts';
import type { Drill, Leg, Outcome } from './drill.ts';
import type { Finding } from './finding.ts';
import { type MoveStep, moveEvent } from './moves.ts';

export interface ReportFacts {
  readonly service: string;
  readonly drill: Drill;
  /** Its runs, by id. */
  readonly runs: ReadonlyMap<string, RunState>;
  /** Records of kind `move`, and all findings. */
  readonly moves: readonly LoggedRecord[];
  readonly findings: readonly Finding[];
  readonly objectives: { readonly rtoMs: number; readonly rpoMs: number };
  readonly criteria: AbortCriteria;
  /** True when no drill was begun before this one. */
  readonly first: boolean;
}

export interface Objective {
  readonly name: 'rto' | 'rpo' | 'errorRate' | 'p99' | 'lag';
  readonly leg: Leg | null;
  /** ms, or a share for errorRate; null: unknown. */
  readonly value: number | null;
  readonly bound: number;
  /** Null: unknown, which does not count as met. */
  readonly met: boolean | null;
}

export type LegReport = ReturnType<typeof legOf>;

export interface PersonStep {
  readonly person: string;
  readonly step: MoveStep;
  readonly seconds: number | null;
  readonly typos: number;
  readonly helped: number;
  readonly expert: number;
  readonly handedOverTo: string | null;
}

export interface DrillReport {
  readonly service: string;
  readonly drill: Drill;
  readonly first: boolean;
  /**
   * goes-on: it has not ended. not-begun: nothing was moved. unknown: a figure is missing, and no
   * objective is missed.
   */
  readonly verdict: 'met' | 'not-met' | 'unknown' | 'goes-on' | 'not-begun';
  readonly objectives: readonly Objective[];
  readonly legs: readonly LegReport[];
  readonly people: readonly PersonStep[];
  readonly findings: readonly Finding[];
}

export function drillReport(facts: ReportFacts): DrillReport {
  const { service, drill, runs, first } = facts;
  const ended = drill.ended?.outcome;
  const objectives = ended === 'not-begun' ? [] : objectivesOf(facts);
  const verdict = verdictOf(ended, objectives);
  return {
    ...{ service, drill, first, verdict, objectives },
    legs: drill.runs.flatMap(({ leg, runId }) => {
      const run = runs.get(runId);
      return run === undefined ? [] : [legOf(leg, run)];
    }),
    people: peopleOf(facts),
    findings: facts.findings.filter((finding) => finding.drill === drill.id),
  };
}

function verdictOf(
  ended: Outcome | undefined,
  objectives: readonly Objective[],
): DrillReport['verdict'] {
  if (ended === undefined) return 'goes-on';
  if (ended === 'not-begun') return ended;
  if (ended !== 'whole' || objectives.some(({ met }) => met === false)) return 'not-met';
  return objectives.length === 0 || objectives.some(({ met }) => met === null) ? 'unknown' : 'met';
}

function objectivesOf(facts: ReportFacts): readonly Objective[] {
  const { drill, runs, objectives, criteria } = facts;
  const legs = drill.runs.flatMap(({ leg, runId }) => {
    const run = runs.get(runId);
    if (leg === 'rejoin' || run === undefined) return [];
    return [
      judged(
        'rto',
        leg,
        writerGapMs(run, leg === 'there' ? drill.cutWallMs : null),
        objectives.rtoMs,
      ),
      judged('rpo', leg, lossMsOf(run), objectives.rpoMs),
    ];
  });
  const worst = drill.ended?.worst ?? null;
  const seen = [
    ['errorRate', worst?.errorRate ?? null, criteria.errorRate],
    ['p99', worst?.p99Ms ?? null, criteria.p99Ms],
    ['lag', worst?.lagMs ?? null, criteria.lagMs],
  ] as const;
  return [
    ...legs,
    // A criterion that was exceeded in a single look counts as missed only when it ended the drill.
    ...seen.flatMap(([name, value, bound]) =>
      bound === null ? [] : [judgedBy(name, value, bound, drill)],
    ),
  ];
}

function judged(name: 'rto' | 'rpo', leg: Leg, value: number | null, bound: number): Objective {
  return { name, leg, value, bound, met: value === null ? null : value <= bound };
}

/**
 * Compares the worst single look with the bound. Met, unless the criterion was broken and ended the
 * drill.
 */
function judgedBy(
  name: 'errorRate' | 'p99' | 'lag',
  value: number | null,
  bound: number,
  { abort }: Drill,
): Objective {
  const broke = abort?.source === 'criterion' && abort.reason.startsWith(`${name} `);
  return { name, leg: null, value, bound, met: broke ? false : value === null ? null : true };
}

/**
 * Returns how long nobody could write: from the start of the fence, or from when the traffic was
 * cut, until the door lets writes through; null when unknown.
 */
export function writerGapMs(run: RunState, cutWallMs: number | null): number | null {
  const { steps } = stepsOf(run);
  const fence = steps.find(({ name }) => name === 'fence');
  const open = steps.find(({ name, result }) => name === 'forward' && result !== 'failed');
  if (fence === undefined || open === undefined) return null;
  return open.endMs - Math.min(fence.startMs, cutWallMs ?? fence.startMs);
}

/**
 * Returns the longest time whose writes a run may have lost, ms; 0 when the catch-up was complete;
 * null when unknown, or when the run never opened the new side.
 */
export function lossMsOf({ kind, records }: RunState): number | null {
  const caught = caughtUp.in(records);
  if (caught === null || promoted.doneMs(records) === null) return null;
  if (kind !== 'failover') return 0;
  const { exposure } = caught.outcome;
  if (exposure?.kind === 'none') return 0;
  return exposure?.kind === 'at-risk' ? exposure.atRiskMs : null;
}

function legOf(leg: Leg, run: RunState) {
  const { runId, kind, from, to, status, startedWallMs, endedWallMs } = run;
  const { steps } = stepsOf(run);
  const [slowest = null] = steps
    .map(({ name, startMs, endMs }) => ({ step: name, durationMs: endMs - startMs }))
    .sort((a, b) => b.durationMs - a.durationMs);
  const durationMs = endedWallMs === null ? null : endedWallMs - startedWallMs;
  return { leg, runId, kind, from, to, status, durationMs, slowest };
}

/** Returns one row for each prompt and person, in the order in which they were asked. */
function peopleOf({ moves, drill }: ReportFacts): readonly PersonStep[] {
  const rows: { -readonly [K in keyof PersonStep]: PersonStep[K] }[] = [];
  for (const { body } of moves) {
    const read = moveEvent.safeParse(body);
    if (!read.success || read.data.drill !== drill.id) continue;
    const { event, person, step } = read.data;
    if (event === 'prompted') {
      const nothing = { seconds: null, typos: 0, helped: 0, expert: 0, handedOverTo: null };
      rows.push({ person, step, ...nothing });
      continue;
    }
    const row = rows.findLast((each) => each.person === person && each.step === step);
    if (row === undefined) continue;
    if (event === 'acted') row.seconds = read.data.afterMs / 1_000;
    if (event === 'typo') row.typos += 1;
    if (event === 'help') row.helped += 1;
    if (event === 'expert') row.expert += 1;
    if (event === 'handed-over') row.handedOverTo = read.data.to;
  }
  return rows;
}
