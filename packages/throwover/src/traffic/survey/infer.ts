import { type Copies, clockOffsetMs, copiesOf, median } from './copies.ts';
import { isAnswer, type NameRecord } from './observation.ts';
import type { Behaviour, Findings, Kept } from './report.ts';

/**
 * Order for `behaviour` when several traits are true: the one that keeps answers longest comes
 * first.
 */
const precedence: readonly Behaviour[] = [
  'ignores',
  'serves-stale',
  'clamps-minimum',
  'clamps-maximum',
  'prefetches',
];

/**
 * Tolerance for whole seconds and the time of a query: caches count whole seconds, so an answer
 * ends up to one second earlier or later than its TTL.
 */
const toleranceMs = 1_250;
const toleranceShare = 0.05;

/**
 * An answer that was replaced this long before its end was prefetched; one that was replaced
 * earlier was not kept.
 */
const longestPrefetchMs = 6_000;
const longestPrefetchShare = 0.5;

/**
 * With several caches that take turns: share of the reported TTL after which an answer counts as
 * kept to its end.
 */
const nearShare = 0.75;

/**
 * Returns the behaviour of one resolver from the names that it was asked for. Pure: the same names
 * give the same findings.
 */
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

/** Whether a name that was left alone past its end got the earlier answer. */
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
  /** Replaced before its reported end. */
  readonly early: boolean;
  readonly ended: boolean;
}

/**
 * Uses the first answer of a name only, because later ones begin when the name happened to be
 * asked.
 */
function oneTrial([first]: Copies['copies']): readonly Trial[] {
  if (first === undefined) return [];
  const { lastAgeMs, replacedAgeMs, toldEndMs } = first;
  if (replacedAgeMs === null) {
    return [{ holdMs: lastAgeMs, toldEndMs, early: false, ended: false }];
  }
  const earlyMs = toldEndMs - replacedAgeMs;
  const longestMs = Math.max(longestPrefetchMs, toldEndMs * longestPrefetchShare);
  const early = earlyMs > toleranceMs && earlyMs <= longestMs;
  // An answer that was never given twice was not kept.
  const holdMs = lastAgeMs === 0 ? 0 : (lastAgeMs + replacedAgeMs) / 2;
  return [{ holdMs, toldEndMs, early, ended: true }];
}

/**
 * If several caches take turns, no query shows that one of them replaced its answer. Known is only
 * the longest time for which an answer was given. Each cache is met only now and then, so that time
 * is shorter than the real one; if it is near the reported end, the report is used.
 */
function severalTrial(copies: Copies['copies'], nameEnded: boolean): readonly Trial[] {
  const longest = copies.reduce((a, b) => (b.lastAgeMs > a.lastAgeMs ? b : a));
  const { lastAgeMs, toldEndMs } = longest;
  const near = lastAgeMs < toldEndMs && lastAgeMs >= toldEndMs * nearShare;
  return [{ holdMs: near ? toldEndMs : lastAgeMs, toldEndMs, early: false, ended: nameEnded }];
}

/**
 * Clamps and TTLs are whole seconds. If the reported and the observed time agree, their average is
 * nearer to the true value than either: caches count from the second before or after, and round the
 * rest up or down.
 */
function keptSeconds(heldMs: number, toldMs: number, prefetched: boolean): number {
  if (prefetched) return Math.round(toldMs / 1_000);
  const agrees = Math.abs(heldMs - toldMs) <= toleranceOf(toldMs);
  return agrees ? Math.round((heldMs + toldMs) / 2_000) : Math.round(heldMs / 100) / 10;
}

function toleranceOf(ms: number): number {
  return Math.max(toleranceMs, ms * toleranceShare);
}
