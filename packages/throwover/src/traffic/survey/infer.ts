import { type Copies, clockOffsetMs, copiesOf, median } from './copies.ts';
import { isAnswer, type NameRecord } from './observation.ts';

export const behaviours = [
  'honest',
  'clamps-minimum',
  'clamps-maximum',
  'serves-stale',
  'prefetches',
  'ignores',
  'unknown',
] as const;
export type Behaviour = (typeof behaviours)[number];

/** What `behaviour` leaves out when more than one is true: the one that keeps answers longest comes first. */
const precedence: readonly Behaviour[] = [
  'ignores',
  'serves-stale',
  'clamps-minimum',
  'clamps-maximum',
  'prefetches',
];

/** Caches count whole seconds: an answer ends up to one later or earlier than its TTL says; and a query takes its time. */
const toleranceMs = 1_250;
const toleranceShare = 0.05;

/** What ends so long before its time was asked for ahead of it; what ends earlier still was not kept. */
const longestPrefetchMs = 6_000;
const longestPrefetchShare = 0.5;

/** Of several caches that take turns: part of the told time after which it is believed to the end. */
const nearShare = 0.75;

/** How answers of one TTL were kept. */
export interface Kept {
  readonly ttlSeconds: number;
  /** How long past being given out, and so past being superseded, each answer was still given, ms. One a trial. */
  readonly holdsMs: readonly number[];
  /** Trials whose answer is still given: their hold is at least what stands in `holdsMs`. */
  readonly unended: number;
  /** What the cache says that it keeps, s: the middle of the trials; `null` when it gave no answer. */
  readonly toldSeconds: number | null;
  /** The middle of the trials, s, with what is told where that agrees; `null` when none has ended. */
  readonly keptSeconds: number | null;
  /** Asked for anew ahead of its end. */
  readonly prefetched: boolean;
}

export interface Findings {
  readonly behaviour: Behaviour;
  /** All that are true, `honest` if none is. */
  readonly traits: readonly Behaviour[];
  /** What the minimum or the maximum is clamped to, s; `null` without a clamp. */
  readonly clampSeconds: number | null;
  /** Shortest TTL first. */
  readonly kept: readonly Kept[];
  readonly severalCaches: boolean;
  readonly queries: number;
  /** Queries without an answer, not counting those of a name whose server failed on purpose. */
  readonly unanswered: number;
}

/** What the names that were asked at one resolver say of it. Pure: the same names give the same findings. */
export function infer(
  names: readonly NameRecord[],
  options: { readonly longestHoldMs: number },
): Findings {
  const all = names.flatMap(({ observations }) => observations);
  const offsetMs = clockOffsetMs(all);
  const followed = names.filter(({ role }) => role === 'followed');
  const ttls = [...new Set(followed.map(({ ttlSeconds }) => ttlSeconds))].sort((a, b) => a - b);
  const looks = followed.map((name) => ({ name, ...copiesOf(name, offsetMs) }));
  const kept = ttls.map((ttlSeconds) =>
    keptOf(
      ttlSeconds,
      looks.filter(({ name }) => name.ttlSeconds === ttlSeconds),
    ),
  );
  const found = new Set<Behaviour>();
  let clampSeconds: number | null = null;
  // The shortest TTL shows a minimum best, the longest a maximum.
  for (const { ttlSeconds, keptSeconds, prefetched } of [...kept].reverse()) {
    if (prefetched) found.add('prefetches');
    if (keptSeconds === null) continue;
    const beyond = keptSeconds - ttlSeconds;
    const tolerance = toleranceOf(ttlSeconds * 1_000) / 1_000;
    if (beyond > tolerance) found.add('clamps-minimum');
    if (beyond < -tolerance) found.add('clamps-maximum');
    if (Math.abs(beyond) > tolerance) clampSeconds = keptSeconds;
  }
  if (kept.some(({ holdsMs }) => holdsMs.some((holdMs) => holdMs >= options.longestHoldMs))) {
    found.add('ignores');
  }
  if (names.some((name) => gaveStale(name))) found.add('serves-stale');
  const known = kept.some(({ keptSeconds }) => keptSeconds !== null) || found.size > 0;
  const traits = precedence.filter((behaviour) => found.has(behaviour));
  return {
    behaviour: traits[0] ?? (known ? 'honest' : 'unknown'),
    traits: traits.length > 0 ? traits : [known ? 'honest' : 'unknown'],
    clampSeconds,
    kept,
    severalCaches: looks.some(({ severalCaches }) => severalCaches),
    queries: all.length,
    unanswered: names
      .filter(({ role }) => role !== 'failing')
      .flatMap(({ observations }) => observations)
      .filter((observation) => !isAnswer(observation)).length,
  };
}

/** A name that was left alone past its end gave the answer from before. */
function gaveStale({ role, observations }: NameRecord): boolean {
  if (role === 'followed') return false;
  const [first, ...later] = observations.filter(isAnswer);
  return first !== undefined && later.some(({ stamp }) => stamp.wallMs === first.stamp.wallMs);
}

function keptOf(
  ttlSeconds: number,
  looks: readonly (Copies & { readonly name: NameRecord })[],
): Kept {
  const trials = looks.flatMap(({ name, copies, severalCaches }) =>
    severalCaches ? severalTrial(copies, name.ended) : oneTrial(copies),
  );
  const ended = trials.filter(({ ended }) => ended);
  const toldMs = median(trials.map(({ toldEndMs }) => toldEndMs));
  const prefetched = ended.filter(({ early }) => early).length * 2 > ended.length;
  const heldMs = median(ended.map(({ holdMs }) => holdMs));
  return {
    ttlSeconds,
    holdsMs: trials.map(({ holdMs }) => holdMs),
    unended: trials.length - ended.length,
    toldSeconds: trials.length === 0 ? null : Math.round(toldMs / 1_000),
    keptSeconds: ended.length === 0 ? null : keptSeconds(heldMs, toldMs, prefetched),
    prefetched,
  };
}

interface Trial {
  readonly holdMs: number;
  readonly toldEndMs: number;
  /** Asked for anew ahead of the end that was told. */
  readonly early: boolean;
  readonly ended: boolean;
}

/** The first answer of a name: later ones begin when it happened to be asked. */
function oneTrial([first]: Copies['copies']): readonly Trial[] {
  if (first === undefined) return [];
  const { lastAgeMs, replacedAgeMs, toldEndMs } = first;
  if (replacedAgeMs === null) {
    return [{ holdMs: lastAgeMs, toldEndMs, early: false, ended: false }];
  }
  const earlyMs = toldEndMs - replacedAgeMs;
  const longestMs = Math.max(longestPrefetchMs, toldEndMs * longestPrefetchShare);
  const early = earlyMs > toleranceMs && earlyMs <= longestMs;
  // What was never given twice was not kept.
  const holdMs = lastAgeMs === 0 ? 0 : (lastAgeMs + replacedAgeMs) / 2;
  return [{ holdMs, toldEndMs, early, ended: true }];
}

/**
 * Where caches take turns nothing shows that one replaced its answer: what is known is the longest that
 * any was given. Each cache is met once in so many queries, so that falls short of its end; where it comes
 * near to what was told, that is believed.
 */
function severalTrial(copies: Copies['copies'], nameEnded: boolean): readonly Trial[] {
  const longest = copies.reduce((a, b) => (b.lastAgeMs > a.lastAgeMs ? b : a));
  const { lastAgeMs, toldEndMs } = longest;
  const near = lastAgeMs < toldEndMs && lastAgeMs >= toldEndMs * nearShare;
  return [{ holdMs: near ? toldEndMs : lastAgeMs, toldEndMs, early: false, ended: nameEnded }];
}

/**
 * Clamps and TTLs are whole seconds. Where what was told agrees with what was seen, their middle is nearer
 * to one than either: caches count from the second before or after, and tell the rest up or down.
 */
function keptSeconds(heldMs: number, toldMs: number, prefetched: boolean): number {
  if (prefetched) return Math.round(toldMs / 1_000);
  const agrees = Math.abs(heldMs - toldMs) <= toleranceOf(toldMs);
  return agrees ? Math.round((heldMs + toldMs) / 2_000) : Math.round(heldMs / 100) / 10;
}

function toleranceOf(ms: number): number {
  return Math.max(toleranceMs, ms * toleranceShare);
}
