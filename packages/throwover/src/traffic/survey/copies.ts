import { type Answered, isAnswer, type NameRecord, type Observation } from './observation.ts';

/**
 * One answer of the zone's server, as a cache kept it. Ages count from the time at which the server
 * gave it, ms.
 */
export interface Copy {
  readonly servedMs: number;
  /** Highest age at which it was given, so it was kept at least that long. */
  readonly lastAgeMs: number;
  /**
   * Age at which another answer had replaced it; `null`: not seen, or several caches take turns.
   */
  readonly replacedAgeMs: number | null;
  /**
   * Age at which it should end according to the resolver: the median of all its reports. The first
   * report is the zone's TTL with some resolvers that clamp, and the report about an expired answer
   * is meaningless.
   */
  readonly toldEndMs: number;
}

export interface Copies {
  /** In the order in which the server gave them. */
  readonly copies: readonly Copy[];
  /** An older answer came after a newer one: several caches share one address. */
  readonly severalCaches: boolean;
}

/**
 * Returns how far the asking machine's clock is ahead of the zone server's, ms, including the
 * shortest travel time of an answer: no answer can arrive before it was given.
 */
export function clockOffsetMs(observations: readonly Observation[]): number {
  const lead = observations
    .filter(isAnswer)
    .map(({ receivedMs, stamp }) => receivedMs - stamp.wallMs - (stamp.resolutionMs - 1));
  return lead.length === 0 ? 0 : Math.min(...lead);
}

/** Returns the median of a non-empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? 0) + high) / 2;
}

/** Returns the copies that a name's observations show. */
export function copiesOf({ observations }: NameRecord, offsetMs: number): Copies {
  const byStamp = new Map<number, Answered[]>();
  let newest = Number.NEGATIVE_INFINITY;
  let severalCaches = false;
  for (const answer of observations.filter(isAnswer)) {
    const { wallMs } = answer.stamp;
    if (wallMs < newest) severalCaches = true;
    newest = Math.max(newest, wallMs);
    byStamp.set(wallMs, [...(byStamp.get(wallMs) ?? []), answer]);
  }
  const served = [...byStamp.keys()].sort((a, b) => a - b);
  const copies = served.map((servedMs, index): Copy => {
    const answers = byStamp.get(servedMs) ?? [];
    const last = answers.at(-1);
    const next = served[index + 1];
    if (last === undefined) throw new Error('a copy without an answer');
    const age = (wallMs: number) =>
      Math.max(0, wallMs - offsetMs - servedMs - (last.stamp.resolutionMs - 1));
    const lastAgeMs = age(last.sentMs);
    return {
      servedMs,
      lastAgeMs,
      replacedAgeMs: next === undefined || severalCaches ? null : next - servedMs,
      toldEndMs: median(
        answers.map(({ receivedMs, ttlSeconds }) => age(receivedMs) + ttlSeconds * 1_000),
      ),
    };
  });
  return { copies, severalCaches };
}
