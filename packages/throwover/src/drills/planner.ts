/**
 * Plans the next drills: date, kind, driver. Pure: the same policy and history give the same plan.
 */
import type { DrillKind, DrillPolicy } from '../service/service.ts';
import { type Blocked, daySpan, dueDates, overlaps, type Span, windowsFrom } from './dates.ts';
import { driversOf, type Pair, pairFor, type Rota, type Turn, whyBlocked } from './rotation.ts';

const quarterMs = (365.25 / 4) * 86_400_000;

export interface PlannedDrill extends Pair {
  /** Its name: the date on which it is due by the rule, `2026-04-14`. */
  readonly due: string;
  readonly kind: DrillKind;
  /**
   * Its window; for a surprise, from its first window to the end of its last one. Null: none is
   * free for a year.
   */
  readonly window: Span | null;
  /** Reasons why it is not in an earlier window: freezes, holidays. */
  readonly moved: readonly string[];
  /** Its first window has passed and the drill was not held. */
  readonly overdue: boolean;
}

/** A drill that was held for a due date. */
export interface HeldDrill extends Turn {
  readonly due: string;
  /** It went there and back. A drill that was aborted stays due until the next due date. */
  readonly whole: boolean;
}

export interface DrillPlan {
  readonly next: readonly PlannedDrill[];
  /** Due dates that passed without a whole drill before the next one was due. */
  readonly missed: readonly string[];
  /** When everybody will have driven, counting recent drills; null: not within the plan. */
  readonly everyoneByWallMs: number | null;
  /** Number of drivers, and of drills that are due within `everyoneWithin` quarters. */
  readonly fair: { readonly drivers: number; readonly drillsWithin: number; readonly met: boolean };
}

export interface PlanFacts {
  readonly policy: Pick<
    DrillPolicy,
    'every' | 'from' | 'zone' | 'windows' | 'kinds' | 'surpriseWithinMs'
  >;
  readonly everyoneWithin: number;
  readonly rota: Rota;
  readonly blocked: readonly Blocked[];
  readonly held: readonly HeldDrill[];
  readonly nowWallMs: number;
}

/** Plans the drill that is due now, if any, and the `count` after it. */
export function planDrills(facts: PlanFacts, count: number): DrillPlan {
  const { policy, held, nowWallMs, rota } = facts;
  const dues = dueDates(policy, nowWallMs, Math.max(count, 1));
  const whole = new Set(held.filter((drill) => drill.whole).map(({ due }) => due));
  const turns: Turn[] = [...held];
  const missed: string[] = [];
  const next: PlannedDrill[] = [];
  let freeFromMs = 0;
  for (const [index, due] of dues.entries()) {
    if (whole.has(due)) continue;
    const following = dues[index + 1];
    if (following !== undefined && dueMs(policy, following) <= nowWallMs) {
      missed.push(due);
      continue;
    }
    const kind = kindOf(policy, index);
    const planned = place(facts, { due, kind, turns, freeFromMs });
    next.push(planned);
    if (planned.window === null) continue;
    freeFromMs = planned.window.untilWallMs;
    if (planned.driver !== null) {
      turns.push({ driver: planned.driver, atWallMs: planned.window.fromWallMs });
    }
  }
  const withinMs = facts.everyoneWithin * quarterMs;
  const soon = dueDates(policy, nowWallMs + withinMs, 1).filter((due) => {
    const ms = dueMs(policy, due);
    return ms > nowWallMs && ms <= nowWallMs + withinMs;
  });
  const drivers = driversOf(rota).length;
  return {
    next,
    missed,
    everyoneByWallMs: everyoneBy(facts, turns, withinMs),
    fair: { drivers, drillsWithin: soon.length, met: soon.length >= drivers },
  };
}

/**
 * Returns when the last of the drivers will have driven; a drill counts from `withinMs` before now
 * on.
 */
function everyoneBy({ rota, nowWallMs }: PlanFacts, turns: readonly Turn[], withinMs: number) {
  const firsts = driversOf(rota).map((who) =>
    Math.min(
      ...turns
        .filter(({ driver, atWallMs }) => driver === who && atWallMs > nowWallMs - withinMs)
        .map(({ atWallMs }) => atWallMs),
    ),
  );
  const last = Math.max(...firsts);
  return Number.isFinite(last) ? last : null;
}

/**
 * Returns the kind of a due date. Kinds alternate over all due dates, so that a missed drill
 * changes no later one.
 */
function kindOf({ kinds }: Pick<DrillPolicy, 'kinds'>, index: number): DrillKind {
  return kinds[index % kinds.length] ?? 'switchover-and-back';
}

const dueMs = ({ zone }: Pick<DrillPolicy, 'zone'>, due: string) => daySpan(due, zone).fromWallMs;

function place(
  { policy, rota, blocked, nowWallMs, held }: PlanFacts,
  given: { due: string; kind: DrillKind; turns: readonly Turn[]; freeFromMs: number },
): PlannedDrill {
  const { due, kind, turns, freeFromMs } = given;
  // An unfinished drill is tried again in another window, not in the rest of the same one.
  const tried = held.filter((drill) => drill.due === due).map(({ atWallMs }) => atWallMs);
  const dueAtMs = dueMs(policy, due);
  const moved = new Set<string>();
  const passed = windowsFrom(policy, dueAtMs).next().value;
  const overdue = passed !== undefined && passed.untilWallMs <= nowWallMs;
  const sinceMs = Math.max(dueAtMs, freeFromMs, overdue || dueAtMs <= nowWallMs ? nowWallMs : 0);
  // Reports why it is late, even when the blocked window has passed.
  if (passed !== undefined) for (const why of whyBlocked(blocked, passed)) moved.add(why);
  for (const span of windowsFrom(policy, sinceMs)) {
    if (tried.some((ms) => ms >= span.fromWallMs && ms < span.untilWallMs)) continue;
    const whys = whyBlocked(blocked, span);
    for (const why of whys) moved.add(why);
    if (whys.length > 0) continue;
    const window = kind === 'surprise' ? surpriseSpan(policy, blocked, span) : span;
    return { due, kind, window, moved: [...moved], overdue, ...pairFor(rota, turns, window) };
  }
  const nobody = { driver: null, shadow: null, passedOver: [] };
  return { due, kind, window: null, moved: [...moved], overdue, ...nobody };
}

/**
 * Returns the span from the first free window to the end of the last free one within the policy's
 * time.
 */
function surpriseSpan(policy: PlanFacts['policy'], blocked: readonly Blocked[], first: Span): Span {
  let { untilWallMs } = first;
  for (const span of windowsFrom(policy, first.fromWallMs)) {
    if (span.untilWallMs > first.fromWallMs + policy.surpriseWithinMs) break;
    if (whyBlocked(blocked, span).length === 0) untilWallMs = span.untilWallMs;
  }
  return { fromWallMs: first.fromWallMs, untilWallMs };
}

/**
 * Returns the window that is open now, or the reasons why none is: `no window`, or what blocks it.
 */
export function windowNow(
  facts: Pick<PlanFacts, 'policy' | 'blocked' | 'nowWallMs'>,
): { readonly window: Span } | { readonly window: null; readonly why: readonly string[] } {
  const { policy, blocked, nowWallMs } = facts;
  const now = { fromWallMs: nowWallMs, untilWallMs: nowWallMs + 1 };
  for (const span of windowsFrom(policy, nowWallMs)) {
    if (!overlaps(span, now)) break;
    const why = whyBlocked(blocked, span);
    return why.length === 0 ? { window: span } : { window: null, why };
  }
  return { window: null, why: [] };
}
