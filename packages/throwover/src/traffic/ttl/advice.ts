import { cacheLifeMs, holdoverMs, type Measured, type MeasuredResolver } from './cache-life.ts';

/** What one TTL buys and costs, at the behaviour of resolvers that was measured. */
export interface TtlAdvice {
  readonly ttlSeconds: number;
  /** After a change, when so many clients have the new answer from their resolver. */
  readonly holdover: { readonly p50: Measured; readonly p90: Measured; readonly p99: Measured };
  /** Queries of resolvers at the authoritative servers, a second; `null`: nobody counts lookups. */
  readonly queriesPerSecond: number | null;
  /** Share of lookups for which the resolver has to ask; `null` as before. */
  readonly missShare: number | null;
  /** What the misses add to a lookup on average, ms; `null`: no lookups counted, or no resolution measured. */
  readonly addedMs: number | null;
}

export interface TtlFacts {
  readonly resolvers: readonly MeasuredResolver[];
  /** Lookups by clients, a second: new connections at the front doors, each of which looks the name up at most once. */
  readonly lookupsPerSecond: number | null;
  /** What one question to an authoritative server takes, ms. */
  readonly resolutionMs: number | null;
}

/**
 * A resolver with lookups at rate r keeps each answer for L and asks again at the next lookup after
 * that: it asks r/(1 + rL) times a second, which is a share 1/(1 + rL) of its lookups. A resolver whose
 * behaviour is not known counts as honest here.
 */
export function adviseTtl(facts: TtlFacts, ttlSeconds: number): TtlAdvice {
  const { resolvers, lookupsPerSecond, resolutionMs } = facts;
  const q = (share: number) => holdoverMs(resolvers, ttlSeconds, share);
  const sum = resolvers.reduce((all, { weight }) => all + weight, 0);
  const queriesPerSecond =
    lookupsPerSecond === null || sum === 0
      ? null
      : resolvers.reduce((all, resolver) => {
          const rate = (lookupsPerSecond * resolver.weight) / sum;
          const lifeSeconds = (cacheLifeMs(resolver, ttlSeconds) ?? ttlSeconds * 1_000) / 1_000;
          return all + rate / (1 + rate * lifeSeconds);
        }, 0);
  const missShare =
    queriesPerSecond === null || lookupsPerSecond === null || lookupsPerSecond === 0
      ? null
      : queriesPerSecond / lookupsPerSecond;
  return {
    ttlSeconds,
    holdover: { p50: q(0.5), p90: q(0.9), p99: q(0.99) },
    queriesPerSecond,
    missShare,
    addedMs: missShare === null || resolutionMs === null ? null : missShare * resolutionMs,
  };
}
