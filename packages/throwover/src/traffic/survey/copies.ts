import { type Answered, isAnswer, type NameRecord, type Observation } from './observation.ts';

/** One answer of the zone's server, as a cache kept it. Ages count from when it was given out, ms. */
export interface Copy {
  readonly servedMs: number;
  /** It was given at this age, and so is known to have been kept as long. */
  readonly lastAgeMs: number;
  /** At this age another had taken its place; `null`: not seen, or caches take turns. */
  readonly replacedAgeMs: number | null;
  /**
   * Age at which it would end by what the resolver told with it: the middle of all times. The first one is
   * the zone's TTL with some that clamp, and what is told of an answer that has ended is made up.
   */
  readonly toldEndMs: number;
}

export interface Copies {
  /** In the order given out. */
  readonly copies: readonly Copy[];
  /** An older answer came after a newer one: several caches stand behind one address. */
  readonly severalCaches: boolean;
}

/**
 * By how much the clock of who asks is ahead of the zone server's, ms, with the shortest way of an answer
 * in it: no answer can have come before it was given out.
 */
export function clockOffsetMs(observations: readonly Observation[]): number {
  const lead = observations
    .filter(isAnswer)
    .map(({ receivedMs, stamp }) => receivedMs - stamp.wallMs - (stamp.resolutionMs - 1));
  return lead.length === 0 ? 0 : Math.min(...lead);
}

/** The middle of a list that is not empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? 0) + high) / 2;
}

/** The copies that a name's observations show. */
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
