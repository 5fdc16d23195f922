/**
 * Whether people have practised, by drills, findings and printed runbooks: the truth `people`.
 * Pure.
 */

import { coverage, type DrillFacts, type Finding, unsettled } from '../drills/drills.ts';
import { quarterMs } from '../records/records.ts';
import {
  type AuditLine,
  type AuditRule,
  line,
  no,
  type Said,
  type Subject,
  since,
  yes,
} from './audit-line.ts';

/** A printed runbook, compared with one printed now. */
export type PrintedState =
  | { readonly file: string; readonly state: 'holds' }
  | { readonly file: string; readonly state: 'drifted'; readonly drift: readonly string[] }
  /** It cannot be read, or the parts needed for the comparison do not answer. */
  | { readonly file: string; readonly state: 'unknown'; readonly why: string };

export interface Practice {
  /** Null when the service has no `drills:`. */
  readonly drills: DrillFacts | null;
  readonly findings: readonly Finding[];
  /** The runbooks of `drills.printed`. */
  readonly printed: readonly PrintedState[];
}

/** Returns the lines of the truth `people` that only practice makes true. */
export function practiceLines(
  subject: Subject,
  facts: {
    readonly practice: Practice;
    readonly onCall: readonly string[];
    readonly nowWallMs: number;
  },
): readonly AuditLine[] {
  const { practice, onCall, nowWallMs } = facts;
  const { drills, findings, printed } = practice;
  const say = (rule: AuditRule, said: Said) => line(subject, rule, said);
  if (drills === null) {
    const todo = 'declare `drills:` in throwover.yaml (docs/drills.md)';
    return [say('drill', no('no drills are declared: nobody practises', todo))];
  }
  const { findingOwnerWithinMs } = drills.policy;
  return [
    say('drill', drillSaid(drills, nowWallMs)),
    say('drivers', driversSaid(drills)),
    say('findings', findingsSaid(findings, { findingOwnerWithinMs, onCall, nowWallMs })),
    say('runbook', printedSaid(printed)),
  ];
}

function drillSaid({ drills }: DrillFacts, nowWallMs: number): Said {
  const whole = drills.findLast(({ ended }) => ended?.outcome === 'whole');
  const todo = 'drive one: throwover drill next';
  if (whole?.ended == null) return no('no drill has gone there and back yet', todo);
  const agoMs = nowWallMs - whole.ended.atWallMs;
  const says = `${whole.id} went there and back ${since(agoMs)} ago`;
  return agoMs > quarterMs ? no(`${says}; at most ${since(quarterMs)}`, todo) : yes(says);
}

function driversSaid({ policy, memory, unknown }: DrillFacts): Said {
  const [error] = unknown;
  if (policy.rota.calendar !== undefined && error !== undefined) {
    return no(`the rota is not known: ${error.message}`, 'see that its calendar can be read');
  }
  const { drove, of } = coverage(memory);
  const { droveShare, everyoneWithin } = policy.rota;
  const least = leastDrivers(of, { droveShare, everyoneWithin });
  const says = `${drove} of ${of} drove in 180 d`;
  if (of > 0 && drove >= least) return yes(says);
  return no(`${says}; at least ${least}`, 'let those drive who have not: throwover drill plan');
}

/**
 * Returns how many of the drivers must have driven in 180 days: the declared share, otherwise the
 * number that `everyoneWithin` gives in two quarters, rounded down, but at least one.
 */
export function leastDrivers(
  drivers: number,
  { droveShare, everyoneWithin }: { droveShare?: number | undefined; everyoneWithin: number },
): number {
  const wanted =
    droveShare === undefined
      ? Math.floor((drivers * 2) / everyoneWithin)
      : Math.ceil(drivers * droveShare);
  return Math.max(1, Math.min(drivers, wanted));
}

interface Owning {
  readonly onCall: readonly string[];
  readonly findingOwnerWithinMs: number;
  readonly nowWallMs: number;
}

/** Whether nobody on call owns the finding: it has no owner, or its owner has left the rota. */
export const ownerless = ({ owner }: Finding, onCall: readonly string[]): boolean =>
  owner === null || !onCall.includes(owner);

function findingsSaid(
  findings: readonly Finding[],
  { onCall, findingOwnerWithinMs, nowWallMs }: Owning,
): Said {
  const open = unsettled(findings);
  const late = open.flatMap((finding) => {
    const { id, dueWallMs, raisedWallMs } = finding;
    if (ownerless(finding, onCall)) {
      const ageMs = nowWallMs - raisedWallMs;
      return ageMs > findingOwnerWithinMs ? [`${id} has no owner for ${since(ageMs)}`] : [];
    }
    return dueWallMs !== null && nowWallMs > dueWallMs
      ? [`${id} is ${since(nowWallMs - dueWallMs)} past its date`]
      : [];
  });
  if (late.length === 0)
    return yes(open.length === 0 ? 'none is open' : `${open.length} open, none late`);
  return no(late.join(', '), 'give each an owner and a date, or settle it: throwover finding list');
}

function printedSaid(printed: readonly PrintedState[]): Said {
  if (printed.length === 0) {
    return no('none is named', 'print one (throwover runbook) and name its file in drills.printed');
  }
  const wrong = printed.flatMap((each) => {
    if (each.state === 'holds') return [];
    return [each.state === 'drifted' ? `${each.file}: ${each.drift.join('; ')}` : each.why];
  });
  if (wrong.length > 0) return no(wrong.join('; '), 'print it again: throwover runbook');
  return yes(printed.map(({ file }) => file).join(', '));
}
